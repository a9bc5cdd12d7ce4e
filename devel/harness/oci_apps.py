"""KotsApps whose chart is an artifact of a registry, with an operator's own workers on a fake cluster."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from harness.cluster import NAMESPACE
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.oci import CHART_LAYER, artifact, chart_of, flux_artifact
from harness.packing import pack
from harness.vendors import VendorWeb
from localworld.registries.image import Image

PLACE = "registry.replicated.com/my-kots-app/stable/my-chart"
URL = f"oci://{PLACE}"
OWN = "ghcr.io/my-org/shop"
PASSWORD = "a-password-of-my-own"


def chart(version: str, **data: str) -> Image:
    return artifact([(CHART_LAYER, chart_of(version, data or {"v": version}))])


def folder(version: str) -> Image:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: my-chart}}\ndata: {{v: '{version}'}}\n"
    return flux_artifact(pack({"app.yaml": text.encode()}))


def put(operator: Operator, install: dict[str, Any] | None = None, url: str = URL, **ref: Any) -> None:
    operator.put_app(manifests=[{"ociRef": {"url": url, **ref}, **({"chart": install} if install is not None else {})}])


@contextlib.asynccontextmanager
async def rolled_out(
    signer: Signer, web: VendorWeb, install: dict[str, Any] | None = None, **ref: Any
) -> AsyncIterator[Operator]:
    """An operator with an app that is Ready, of the one source that is asked for."""
    async with operating(signer, web=web) as operator:
        put(operator, install, **ref)
        await operator.until_ready()
        yield operator


def put_object(operator: Operator, kind: str, name: str, **data: str) -> None:
    field = "stringData" if kind == "Secret" else "data"
    operator.api.put(
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, field: data}
    )


def data(operator: Operator, name: str = "my-chart") -> dict[str, Any]:
    found = operator.api.get("ConfigMap", name, NAMESPACE) or {"data": {}}
    return dict(found["data"])

"""An archive in parts over a ConfigMap and a Secret: read as one, and what is missing is named until it is there."""

from __future__ import annotations

import base64
from typing import Any

from harness.cluster import NAMESPACE
from harness.inprocess import operating
from harness.licenses import Signer
from harness.packing import pack
from harness.virtual_time import in_virtual_time

RELEASE = pack({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"})
SOURCES = [{"configMapRef": {"name": "first"}}, {"secretRef": {"name": "second"}}]


def holding(kind: str, name: str, **parts: bytes) -> dict[str, Any]:
    field = "binaryData" if kind == "ConfigMap" else "data"
    data = {f"r.tgz.{key.lstrip('n')}": base64.b64encode(value).decode() for key, value in parts.items()}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, field: data}


@in_virtual_time
async def test_a_missing_part_is_named_and_the_whole_is_applied(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.put(holding("ConfigMap", "first", n00=RELEASE[:50]))
        operator.api.put(holding("Secret", "second", n02=RELEASE[90:]))
        operator.put_app(manifests=SOURCES)
        await operator.until_reason("InvalidManifest")
        missing = "Secret second, key r.tgz.02: is a part of r.tgz, of which r.tgz.01 is missing"
        assert missing in operator.whole_message()
        operator.api.put(holding("Secret", "second", n01=RELEASE[50:90], n02=RELEASE[90:]))
        await operator.until_ready()
        assert operator.api.live("ConfigMap", "settings", NAMESPACE)["data"] == {"a": "1"}

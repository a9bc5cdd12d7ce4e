"""Artifacts in the local world's registries: charts pushed by the real helm, others as oras uploads them."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

from harness.charts import helm, pack_chart
from localworld.registries.image import MANIFEST, Image, Manifest, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from localworld.registries.registries import Registries

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
FLUX_LAYER = "application/vnd.cncf.flux.content.v1.tar+gzip"
FLUX_CONFIG = "application/vnd.cncf.flux.config.v1+json"
_HELM_SECONDS = 120


def helm_push(local: Registries, place: str, chart: bytes, folder: Path) -> str:
    """`helm push` of a packed chart to `host/repository/without/the/name`; the digest that it prints."""
    host, _, repository = place.partition("/")
    registry = local[host]
    address = registry.endpoint.removeprefix("http://")
    user, password = local.pusher_login(host)
    auths = {address: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}} if user else {}
    config, packed = folder / "helm-login.json", folder / "chart.tgz"
    config.write_text(json.dumps({"auths": auths}))
    packed.write_bytes(chart)
    command: list[str | Path] = [
        helm(),
        "push",
        packed,
        f"oci://{address}/{repository}",
        "--plain-http",
        "--registry-config",
        config,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_HELM_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"helm push: {done.stderr[-2000:]}")
    lines: list[str] = (done.stdout + done.stderr).splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Digest:"))


def artifact(layers: Sequence[tuple[str, bytes]], config: str = "application/vnd.oci.empty.v1+json") -> Image:
    """An artifact of these layers, each a media type and its content."""
    blobs: dict[str, bytes] = {}
    entries = []
    for media_type, content in ((config, b"{}"), *layers):
        entry = described(media_type, content)
        blobs[str(entry["digest"])] = content
        entries.append(entry)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": entries[0], "layers": entries[1:]}
    return Image(top=Manifest(MANIFEST, json.dumps(manifest).encode()), blobs=blobs)


def flux_artifact(content: bytes) -> Image:
    """What `flux push artifact` makes of a packed folder."""
    return artifact([(FLUX_LAYER, content)], FLUX_CONFIG)


def chart_of(version: str, data: Mapping[str, str], name: str = "my-chart") -> bytes:
    """A chart whose one object is a ConfigMap named as the release, with this data and the values' greeting."""
    lines = [f"  {key}: {json.dumps(value)}\n" for key, value in data.items()]
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata:\n"
        f"{''.join(lines)}  greeting: {{{{ .Values.greeting | quote }}}}\n"
    )
    return pack_chart(name, {"templates/settings.yaml": template, "values.yaml": "greeting: none\n"}, version)

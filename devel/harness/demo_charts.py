"""A chart named demo, with its HelmChart, read and rendered."""

from __future__ import annotations

from typing import Any

from harness.charts import helm, pack_chart
from kotsapp.images.routing import Domains
from kotsapp.release import helm as runner
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.context import TemplateContext
from kotsapp.release.reader import Release, SourceFile, read_release

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"


def context(_: object) -> TemplateContext:
    return TemplateContext({"customerName": "Ann", "licenseID": "the-id"}, "ZG9ja2Vy", "pull", "apps", Domains())


def helm_chart(version: str = "v1beta1", name: str = "demo", extra: str = "") -> str:
    release = "" if version == "v1beta2" else "\n    releaseName: rel"
    top = "\n  releaseName: rel" if version == "v1beta2" else ""
    return f"""apiVersion: kots.io/{version}
kind: HelmChart
metadata: {{name: {name}}}
spec:{top}
  chart:
    name: demo
    chartVersion: 1.0.0{release}
{extra}"""


def read(helm_chart: str, archive: bytes | None = None, **options: Any) -> Release:
    files = [SourceFile("ConfigMap m, key chart.yaml", "chart.yaml", helm_chart.encode())]
    if archive is not None:
        files.append(SourceFile("ConfigMap m, key demo.tgz", "demo.tgz", archive))
    return read_release(files, context, **options)


def render(release: Release, namespace: str = "apps", **options: Any) -> Release:
    outputs = runner.render_all(release.charts, helm(), namespace, **options)
    return with_charts(release, outputs)


def names(release: Release) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in release.objects]


def chart_of(template: str, **files: str) -> bytes:
    return pack_chart("demo", {"templates/all.yaml": template, **files})

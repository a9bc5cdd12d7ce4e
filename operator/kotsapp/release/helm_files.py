"""The files that helm is given, in a folder of its own: a chart, its values, and whom it may ask."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kotsapp.manifests.errors import ManifestError
from kotsapp.manifests.limits import MIB
from kotsapp.regexes import regex
from kotsapp.release import cluster_view
from kotsapp.release.archives import unpack
from kotsapp.release.chart_archive import made_anew
from kotsapp.release.charts import ChartRequest
from kotsapp.release.errors import HelmError
from kotsapp.release.helm_engine import CHART, VALUES

# As JSON, in which a character may take six bytes; the largest public values are a tenth of a MiB.
MAX_VALUES_BYTES = 8 * MIB

_UNPRINTABLE = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class ValueTooLargeError(HelmError):
    """The values are more than a chart is given."""


def write_chart(folder: Path, request: ChartRequest, url: str | None = None) -> None:
    """The chart, made anew, with its values; ``url`` answers what it looks up. Raises ManifestError."""
    archive = request.archive
    if url is not None:
        path = folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(cluster_view.kubeconfig(url)))
    (folder / "chart.tgz").write_bytes(made_anew(unpack(archive.data, archive.origin), archive.origin))
    try:
        _write_values(folder, request.values)
    except ValueTooLargeError as error:
        raise ManifestError(request.place, str(error)) from None


def _write_values(folder: Path, values: Mapping[str, Any]) -> None:
    path = folder / VALUES
    path.touch(mode=0o600)
    # helm reads JSON as YAML, which knows no surrogate pairs and allows no control characters.
    text = json.dumps(values, ensure_ascii=False)
    data = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    if len(data) > MAX_VALUES_BYTES:
        problem = f"the chart's values are {len(data) / MIB:.0f} MiB, more than the {MAX_VALUES_BYTES // MIB} MiB"
        raise ValueTooLargeError(f"{problem} that a chart may be given: leave out what isn't needed")
    path.write_bytes(data)


def write_files(folder: Path, files: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Texts by their paths in the chart, and values. Raises ValueTooLargeError."""
    _write_values(folder, values)
    for name, text in files.items():
        path = folder / CHART / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

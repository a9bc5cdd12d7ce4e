"""The files that helm is given for a chart, in a folder of its own: it, its values, and whom it may ask."""

import json
from pathlib import Path

from kotsapp.manifests.errors import ManifestError
from kotsapp.release import cluster_view
from kotsapp.release.archives import unpack
from kotsapp.release.chart_archive import made_anew
from kotsapp.release.charts import ChartRequest
from kotsapp.release.helm_values import ValueTooLargeError, write_values


def write_chart(folder: Path, request: ChartRequest, url: str | None = None) -> None:
    """The chart, made anew, with its values; ``url`` answers what it looks up. Raises ManifestError."""
    archive = request.archive
    if url is not None:
        path = folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(cluster_view.kubeconfig(url)))
    (folder / "chart.tgz").write_bytes(made_anew(unpack(archive.data, archive.origin), archive.origin))
    try:
        write_values(folder, request.values)
    except ValueTooLargeError as error:
        raise ManifestError(request.place, str(error)) from None

"""What the operator has done in a reader's child, by name: plain functions of values that can be pickled."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kotsapp.manifests.errors import ManifestError
from kotsapp.release.budget import for_operator
from kotsapp.release.charts import ChartRequest
from kotsapp.release.helm import Cluster
from kotsapp.release.reader import Release, SourceFile, read_release
from kotsapp.release.renderer import Renderer


def render(
    renderer: Renderer, files: Sequence[SourceFile], local_images: Mapping[str, str], cluster: Cluster | None
) -> Release:
    """The release with its charts' objects, without those if ``cluster`` is None; in the answer charts are only named.

    Raises ManifestError, HelmError and HelmMissingError.
    """
    budget = for_operator()
    release = renderer.read(files, local_images, budget)
    if cluster is not None:
        release = asyncio.run(renderer.with_charts(release, cluster, budget))
    return replace(release, charts=tuple(_named(request) for request in release.charts))


def warm_up() -> None:
    """Read a little of each kind."""
    texts = (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n&a [*a", b'{"kind": "List"}', b"\x1f\x8b")
    for text in texts:
        with contextlib.suppress(ManifestError):
            read_release([SourceFile("", "", text)])


def _named(request: ChartRequest) -> ChartRequest:
    return replace(request, archive=replace(request.archive, data=b""), values={}, secrets=())


JOBS = {"render": render}

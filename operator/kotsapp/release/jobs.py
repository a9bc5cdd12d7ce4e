"""What the operator has done in a reader's child, by name: plain functions of values that can be pickled."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kotsapp.manifests.errors import ManifestError
from kotsapp.regexes import compile_all
from kotsapp.release import archives, store
from kotsapp.release.budget import for_operator
from kotsapp.release.charts import ChartRequest
from kotsapp.release.files import SourceFile, content_digest, expand
from kotsapp.release.filling import Drawn
from kotsapp.release.helm import Cluster
from kotsapp.release.reader import Release, read_release
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import Packed, StoredRelease
from kotsapp.release.upgrade import Past


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a release is read from.

    ``local_images`` are what ``LocalImageName`` answers, ``kept`` is what was drawn at random before.
    """

    renderer: Renderer
    files: Sequence[SourceFile]
    local_images: Mapping[str, str] = field(default_factory=dict)
    kept: Drawn = field(default_factory=Drawn)


@dataclass(frozen=True, slots=True)
class ChartInputs:
    """What charts are rendered with; ``pasts`` are those that were there before, by their keys."""

    cluster: Cluster
    pasts: Mapping[str, Past | None] = field(default_factory=dict)


def render(inputs: Inputs, charts: ChartInputs | None = None) -> Release:
    """The release with its charts' objects, without those if ``charts`` is None; in the answer charts have no data.

    Raises ManifestError, HelmError and HelmMissingError.
    """
    budget = for_operator()
    renderer = inputs.renderer
    release = renderer.read(inputs.files, inputs.local_images, inputs.kept, budget)
    if charts is not None:
        release = renderer.with_charts(release, charts.cluster, budget, charts.pasts.get)
    release = renderer.with_unhandled(release)
    return replace(release, charts=tuple(_without_data(request) for request in release.charts), filler=None)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How many files an archive holds."""

    files: int


def unpack(file: SourceFile) -> Unpacked:
    """That the archive is whole, before it takes the place of one that is. Raises ManifestError."""
    return Unpacked(len(archives.unpack((file.data,), file.origin, for_operator())))


@dataclass(frozen=True, slots=True)
class Content:
    """What ``Release.content`` would be."""

    digest: str


def content(files: Sequence[SourceFile]) -> Content:
    """What the files hold, however they are packed. Raises ManifestError."""
    return Content(content_digest(*expand(files, for_operator())))


def stored(packed: Packed) -> StoredRelease:
    """A release that was rendered before. Raises StoredReleaseError."""
    return store.read(packed)


def warm_up() -> None:
    """Read a little of each kind, and have ready what is loaded and made at its first use."""
    # Each child would load them: one with a license among its arguments, one with template calls.
    import kotsapp.license  # noqa: F401
    from kotsapp.release import template_engine  # noqa: F401

    compile_all()
    texts = (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n&a [*a", b'{"kind": "List"}', b"\x1f\x8b")
    for text in texts:
        with contextlib.suppress(ManifestError):
            read_release([SourceFile("", "", text)])


def _without_data(request: ChartRequest) -> ChartRequest:
    return replace(
        request, archive=replace(request.archive, data=b"", install=None), secrets=(), past=_mark(request.past)
    )


def _mark(past: Past | None) -> Past | None:
    """Only that there was one: what it was, the parent knows."""
    return None if past is None else Past(past.digest)


JOBS = {"render": render, "content": content, "unpack": unpack, "stored": stored}

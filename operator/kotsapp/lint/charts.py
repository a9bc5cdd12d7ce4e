"""The charts of a release, rendered one by one, so that each one's fault is reported."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kotsapp.lint.findings import Entry, Finding, Level, Location
from kotsapp.lint.images import Object, Use, images_of
from kotsapp.lint.places import Places
from kotsapp.lint.unknowns import NAMESPACE, Unknowns, described
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.annotations import name
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.charts import ChartRequest
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.filler import Filler
from kotsapp.release.reader import Release


@dataclass(slots=True)
class Charts:
    """What charts came to; ``whole`` says that all could be rendered."""

    findings: list[Finding] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    images: list[Use] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    placed: list[tuple[str, Location]] = field(default_factory=list)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """What rendering a chart takes: the program, and what fills in calls of its output."""

    find_program: Callable[[], Path]
    filler: Filler | None
    budget: Budget


def rendered(
    requests: Iterable[tuple[ChartRequest, str]], engine: Engine, unknowns: Unknowns, places: Places
) -> Charts:
    """Each chart with the text of the HelmChart that asks for it."""
    found = Charts()
    for request, text in requests:
        at = places.locate(request.place)
        inside = replace(at, inside=str(request), line=0)
        unknown = unknowns.asked_for_in(text)
        if request.flags.unheeded:
            message = f"helmUpgradeFlags {' '.join(request.flags.unheeded)} mean nothing to the operator: remove them"
            found.findings.append(Finding("chart-flags", Level.WARNING, message, at))
        if request.archive.sdk_at is not None:
            unknown.append("the license, which the vendor's SDK is given,")
        try:
            objects = _objects(request, engine)
        except HelmMissingError as error:
            found.findings.append(Finding("chart-not-rendered", Level.NOTE, f"{request} was not rendered: {error}", at))
            found.whole = False
        except (HelmError, ManifestError) as error:
            message = str(error)
            if unknown:
                message = f"{message}; but {described(unknown)}: give values with --config-values"
            found.findings.append(Finding("chart", Level.NOTE if unknown else Level.ERROR, message, at))
            found.whole = False
        else:
            found.objects += objects
            found.placed += [(name(obj), inside) for obj in objects]
            found.entries += [Entry("document", name(obj), "applied", inside) for obj in objects]
            found.images += [(image, name(obj), inside) for obj in objects for image in images_of(obj)]
    return found


def _objects(request: ChartRequest, engine: Engine) -> Sequence[Object]:
    from kotsapp.release import helm

    output = helm.render(request, engine.find_program(), NAMESPACE)
    release = Release(charts=(request,), filler=engine.filler)
    return with_charts(release, [(request, output)], engine.budget).objects

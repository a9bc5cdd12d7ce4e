"""A release: the files that a vendor ships, read into what is applied, what is probed and which charts to render."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.images.unhandled import UnhandledImage
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.documents import Document
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.release import actions, calls, kots, raw, repeatable
from kotsapp.release.annotations import name
from kotsapp.release.budget import DistinctImages, for_command_line
from kotsapp.release.calls import FilledRelease
from kotsapp.release.charts import ChartRequest
from kotsapp.release.config_result import ConfigResult, config_of, shipped_answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.errors import HelmError
from kotsapp.release.files import SourceFile, TextFile, content_digest, expand
from kotsapp.release.filler import Filler, Filling
from kotsapp.release.filling import CallsError, Drawn, Failure
from kotsapp.release.kots import Application
from kotsapp.release.raw import Opened, Texts
from kotsapp.release.roles import Role
from kotsapp.release.sorter import Sorter

__all__ = ["Release", "SourceFile", "read_release"]

Object = Mapping[str, Any]
_NOTHING_SAID = Application()
# What calls come to depends on these, so no call can be in them.
_DECIDING = ("proxyRegistryDomain", "replicatedRegistryDomain", "proxyPublicImages")

MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Release:
    """What a release holds. ``objects`` are to be applied; ``sources`` names the file of each, and ``places`` say
    where each stands: in which source, under which key, in which document.

    ``reported_images`` are images that no object here runs, by what asks for them: they are probed and reported.
    ``local_images`` are the references that ``LocalImageName`` calls ask for: once it is known from where they are
    pulled, read the release again with them in the context, and with what was ``drawn``. ``charts`` are to be rendered
    and given to ``with_charts``, which fills in calls of their output by ``filler``. ``unpatched_charts``, ``left_out``
    (excluded objects, test hooks), ``chart_archives`` (by name and version) and ``warnings`` are for the report.
    ``asks_for_pull_secret`` says that the pull secret's name or content was asked for, so that it has to be in the
    app's namespace whether or not a pod needs it, ``asks_for_nodes`` that the number of nodes was.
    ``chart_numbers`` are for each object the number of its chart, in their order, 0 for a plain one; empty where all
    are. ``definitions`` are the names of those in ``crds/`` of charts, which are made and never changed.
    ``unheeded_flags`` are those of ``helmUpgradeFlags`` that mean nothing here.
    ``holds_license`` says that a chart is given the license, for the vendor's SDK.
    ``has_calls`` says that template calls were filled in. ``content`` is the digest of the files' contents, empty for a
    release without calls and charts, which comes to the same each time. ``unhandled`` is what looks like an image and
    stands where none is looked for: the renderer finds it when all objects are there.
    """

    objects: tuple[Object, ...] = ()
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    application: Application = _NOTHING_SAID
    reported_images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    local_images: tuple[str, ...] = ()
    charts: tuple[ChartRequest, ...] = ()
    unpatched_charts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    chart_archives: tuple[str, ...] = ()
    config: ConfigResult | None = None
    drawn: Drawn = field(default_factory=Drawn)
    warnings: tuple[str, ...] = ()
    filler: Filler | None = None
    asks_for_pull_secret: bool = False
    asks_for_nodes: bool = False
    chart_numbers: tuple[int, ...] = ()
    definitions: tuple[str, ...] = ()
    unheeded_flags: tuple[str, ...] = ()
    holds_license: bool = False
    has_calls: bool = False
    content: str = ""
    unhandled: tuple[UnhandledImage, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply. Charts that are left to others don't count: nobody here installs them."""
        return not self.objects

    def nothing_found(self, files: Sequence[SourceFile]) -> str:
        """What to say of files in which nothing was found to apply."""
        origins = ", ".join(file.origin for file in files[:MAX_NAMED]) + (" and more" if len(files) > MAX_NAMED else "")
        found = f"{origins}: no Kubernetes object found"
        if self.unpatched_charts:
            skipped = ", ".join(self.unpatched_charts[:MAX_NAMED])
            return (
                f"{found} but {skipped}, which v2Charts: Skip leaves to others: nothing would be installed; set Patch"
            )
        if self.charts and not self.left_out:
            rendered = ", ".join(map(str, self.charts[:MAX_NAMED]))
            return f"{found}: {rendered} came to no object with these values; check them"
        if self.chart_archives and not self.left_out:
            charts_ = ", ".join(self.chart_archives[:MAX_NAMED])
            problem = f"chart {charts_} is there, but no HelmChart document (kots.io) asks for it: add one"
            return f"{found}; {problem}, or say how it is installed (chart, beside the source)"
        return f"{found}; put the app's manifests there"

    @property
    def proxy_domain(self) -> str | None:
        return self.application.proxy_domain

    @property
    def registry_domain(self) -> str | None:
        return self.application.registry_domain

    @property
    def proxy_public_images(self) -> bool:
        return self.application.proxy_public_images


def read_release(
    files: Sequence[SourceFile],
    context: Callable[[Application], TemplateContext] | None = None,
    *,
    filling: Filling | None = None,
    patch_helm_v2: bool = True,
    budget: Budget | None = None,
) -> Release:
    """Read every file, archives included, in the order given; documents are told apart before calls are filled in.

    ``context`` makes what template calls are filled in with; it is asked once, with what the release's Application
    says, because the domains depend on that. Without it any template call is refused. ``filling`` has the answers to
    the release's Config, and what was drawn before. ``budget`` is what all of it may take, and then what is left for
    ``with_charts``; without one, the command line's.

    Raises ManifestError, of all calls that can't be filled in at once; ConfigIncompleteError, which is one; and
    HelmError and HelmMissingError where calls need the engine.
    """
    budget = for_command_line() if budget is None else budget
    filling = filling or Filling()
    texts, chart_archives = expand(files, budget)
    reading = Texts(budget)
    opened = with_repeated(texts, raw.opened(texts, reading), filling, reading, budget)
    application, users = application_of(opened)
    application = application._replace(embedded_proxy_domain=_embedded_proxy_domain(opened))
    filled_in = context(application) if context is not None else None
    filled = calls.fill_release(opened, filled_in, filling, application, chart_archives)
    sorter = Sorter(chart_archives, DistinctImages(budget), patch_helm_v2=patch_helm_v2, secrets=filled.secrets)
    for user, place in users:
        sorter.report(_additional(application, filled), user, place)
    if not _sort(opened, filled, reading, sorter):
        filling.find_program()
        raise HelmError("template calls were left, and the engine is there only now: try again")
    found = sorter.result(budget)
    has_calls = any(one.has_calls for one in opened.raws)
    return Release(
        objects=found.objects,
        sources=found.sources,
        places=found.places,
        application=application,
        reported_images=found.reported_images,
        local_images=filled.local_images,
        charts=found.charts,
        unpatched_charts=found.unpatched_charts,
        unheeded_flags=tuple(f"{' '.join(c.flags.unheeded)} of {c}" for c in found.charts if c.flags.unheeded),
        left_out=found.left_out,
        chart_archives=tuple(f"{archive.name} {archive.version}" for archive in chart_archives),
        config=filled.config,
        drawn=filled.drawn,
        warnings=(*filled.warnings, *reading.warnings, *_unheeded_namespaces(application)),
        filler=filled.filler,
        asks_for_pull_secret=filled.asks_for_pull_secret,
        asks_for_nodes=filled.asks_for_nodes,
        holds_license=any(request.archive.sdk_at is not None for request in found.charts),
        has_calls=has_calls,
        content=content_digest(texts, chart_archives) if has_calls or found.charts else "",
    )


def with_repeated(
    texts: Sequence[TextFile], opened: Opened, filling: Filling, reading: Texts, budget: Budget
) -> Opened:
    """The documents with what the Config's repeatable items repeat."""
    config = config_of(opened)
    if config is None or not any(item.targets for item in config.items):
        return opened
    rows = filling.answers.over(shipped_answers(opened)).rows
    return raw.opened(repeatable.repeated(texts, config, rows, budget), reading)


def application_of(opened: Opened) -> tuple[Application, list[tuple[str, Place]]]:
    """What the release's Application says, and its name; the first one counts, as in KOTS. Raises ManifestError."""
    for document in opened.of(Role.APPLICATION):
        _refuse_deciding_calls(document.value.get("spec"), document)
        return kots.application(document.value, document.place), [(name(document.value), document.place)]
    return _NOTHING_SAID, []


def _unheeded_namespaces(application: Application) -> list[str]:
    found = [
        f"spec.additionalNamespaces of the Application has {quote(name)}: a pull secret is made in namespaces that are"
        " named, and in those of the app's own pods"
        for name in application.unheeded_namespaces
    ]
    return found[:MAX_NAMED]


def _embedded_proxy_domain(opened: Opened) -> str | None:
    found = (kots.embedded_proxy_domain(one.value) for one in opened.of(Role.OTHER))
    return next((domain for domain in found if domain is not None), None)


def _refuse_deciding_calls(spec: Any, document: Document) -> None:
    for key in _DECIDING:
        value = spec.get(key) if isinstance(spec, dict) else None
        if isinstance(value, str) and actions.has_calls(value):
            call = value.partition("{{")[2].removeprefix("repl").partition("}}")[0].strip()
            problem = f"the template call {quote(call)} can't be filled in: spec.{key} decides what calls come to"
            raise ManifestError(document.place, f"{problem}; write the value out")


def _additional(application: Application, filled: FilledRelease) -> list[str]:
    plain = [image for image in application.additional_images if not actions.has_calls(image)]
    return [*plain, *(image for image in filled.images if image)]


def _sort(opened: Opened, filled: FilledRelease, reading: Texts, sorter: Sorter) -> bool:
    """Whether every document was filled in that had to be: without an engine only what is wrong is reported.

    Raises ManifestError for documents whose calls can't be filled in: all of them at once.
    """
    failures: list[Failure] = []
    whole = True
    for one, found in zip(opened.raws, opened.found, strict=True):
        failed = filled.failures.get(one.key, ()) if one.to_fill else ()
        if failed:
            left_out = raw.excluded(one, reading)
            for document in left_out:
                sorter.leave_out(document.value)
            if not left_out and one.must_be_read:
                failures += failed
            elif not left_out:
                reading.warnings += [f"{failure}; it is never applied, so it is left as it is" for failure in failed]
        elif one.to_fill and one.key not in filled.texts:
            whole = False
        elif one.to_fill and not failures:
            sorter.sort(reading.read(one, filled.texts[one.key]), one.file.name)
        elif not failures:
            sorter.sort(found, one.file.name)
    if failures:
        raise CallsError(failures)
    return whole

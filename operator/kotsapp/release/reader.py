"""A release: the files that a vendor ships, read into what is applied, what is probed and which charts to render."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import archives, charts, kots, templates
from kotsapp.release.annotations import included, name
from kotsapp.release.budget import PACKED, DistinctImages, for_command_line
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.kots import Application
from kotsapp.release.templates import Filled, TemplateContext

Object = Mapping[str, Any]
_YAML_ENDINGS = (".yaml", ".yml", ".json")
_UNPACKED_CHART = "/Chart.yaml"
_NOTHING_SAID = Application()


MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: ``origin`` is how messages name it, ``name`` is its file name or key."""

    origin: str
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """What a release holds. ``objects`` are to be applied; ``sources`` names the file of each.

    ``reported_images`` are images that no object here runs, by what asks for them: they are probed and reported.
    ``local_images`` are the references that ``LocalImageName`` calls ask for: once it is known from where they are
    pulled, read the release again with them in the context. ``charts`` are to be rendered and given to
    ``with_charts``. ``unpatched_charts``, ``left_out`` (excluded objects, test hooks) and ``chart_archives`` (by name
    and version) are for the report. ``has_calls`` says that template calls were filled in.
    """

    objects: tuple[Object, ...] = ()
    sources: tuple[str, ...] = ()
    application: Application = _NOTHING_SAID
    reported_images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    local_images: tuple[str, ...] = ()
    charts: tuple[ChartRequest, ...] = ()
    unpatched_charts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    chart_archives: tuple[str, ...] = ()
    has_calls: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply, and no chart that is left to Helm on purpose."""
        return not self.objects and not self.unpatched_charts

    def nothing_found(self, files: Sequence[SourceFile]) -> str:
        """What to tell of files in which nothing was found to apply."""
        origins = ", ".join(file.origin for file in files[:MAX_NAMED]) + (" and more" if len(files) > MAX_NAMED else "")
        told = f"{origins}: no Kubernetes object found"
        if self.chart_archives and not self.left_out:
            charts_ = ", ".join(self.chart_archives[:MAX_NAMED])
            return f"{told}; chart {charts_} is there, but no HelmChart document (kots.io) asks for it: add one"
        return f"{told}; put the app's manifests there"

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
    patch_helm_v2: bool = False,
    budget: Budget | None = None,
) -> Release:
    """Read every file, archives included, in the order given. Raises ManifestError.

    ``budget`` is what all of it may take, and then what is left for ``with_charts``; without one, the command line's.

    ``context`` makes what template calls are filled in with; it is asked once, with what the release's Application
    says, because the domains depend on that. Without it any template call is refused.
    """
    budget = for_command_line() if budget is None else budget
    texts, chart_archives = _expand(files, budget)
    filled_in: TemplateContext | None = None
    if not _any_calls(texts):
        read = [(file, Filled(""), documents.read(file.text, file.origin, budget)) for file in texts]
        application = _application(read)
    else:
        # Domains that calls ask for depend on the Application, so that is read first, with every call left.
        likely = [file for file in texts if "kots.io/" in file.text and "Application" in file.text]
        first = budget.anew()
        application = _application(_read(file, templates.fill(file.text, None, file.origin), first) for file in likely)
        filled_in = context(application) if context is not None else None
        read = [_read(file, templates.fill(file.text, filled_in, file.origin), budget) for file in texts]
    secrets = filled_in.secrets if filled_in else ()
    sorter = _Sorter(application, chart_archives, patch_helm_v2, secrets, DistinctImages(budget))
    for file, filled, found in read:
        sorter.sort(file, filled, found)
    return replace(sorter.release(), has_calls=_any_calls(texts))


def with_charts(
    release: Release, outputs: Iterable[tuple[ChartRequest, bytes | str]], budget: Budget | None = None
) -> Release:
    """The release with the objects of its rendered charts; ``budget`` as ``read_release`` left it.

    Raises ManifestError for an output that can't be used.
    """
    budget = for_command_line() if budget is None else budget
    images = DistinctImages(budget)
    objects, sources, left_out = list(release.objects), list(release.sources), list(release.left_out)
    reported = dict(release.reported_images)
    for request, output in outputs:
        found, not_run = charts.rendered(request, output, budget)
        place = Place(str(request))
        kept = [obj for obj in found if kots.is_applied(obj)]
        for obj in found:
            _report(reported, images.counted(kots.collector_images(obj), place), name(obj))
        for obj in kept:
            images.count_of(obj, place)
        objects += kept
        sources += [f"{request.archive.name}-{request.release_name}.yaml"] * len(kept)
        left_out += not_run
    return replace(
        release,
        objects=tuple(objects),
        sources=tuple(sources),
        reported_images=reported,
        left_out=tuple(left_out),
    )


@dataclass(frozen=True, slots=True)
class _Text:
    origin: str
    name: str
    text: str = field(repr=False)


def _expand(files: Sequence[SourceFile], budget: Budget) -> tuple[list[_Text], list[ChartArchive]]:
    """The texts of all files, those in release archives included, and the chart archives."""
    texts: list[_Text] = []
    chart_archives: list[ChartArchive] = []
    for file in files:
        budget.take(PACKED, len(file.data), Place(file.origin))
        if not archives.is_archive(file.name, file.data):
            texts.append(_Text(file.origin, file.name, stream.decode(file.data, file.origin)))
            continue
        members = archives.unpack(file.data, file.origin, budget)
        chart = charts.read_archive(members, file.data, file.origin, budget)
        if chart is not None:
            chart_archives.append(chart)
            continue
        for member in members:
            origin = f"{file.origin}, {member.path}"
            if archives.is_archive(member.path, member.data):
                chart_archives.append(_inner_chart(member, origin, budget))
            elif member.path.lower().endswith(_YAML_ENDINGS):
                if f"/{member.path}".endswith(_UNPACKED_CHART):
                    raise ManifestError(Place(origin), "is an unpacked chart: put the chart's .tgz in its place")
                texts.append(_Text(origin, member.path, stream.decode(member.data, origin)))
    return texts, chart_archives


def _inner_chart(member: archives.ArchiveFile, origin: str, budget: Budget) -> ChartArchive:
    chart = charts.read_archive(archives.unpack(member.data, origin, budget), member.data, origin, budget)
    if chart is None:
        problem = "is an archive in an archive, and no Helm chart: give it a source of its own in spec.manifests"
        raise ManifestError(Place(origin), problem)
    return chart


def _any_calls(texts: Iterable[_Text]) -> bool:
    return any(templates.has_calls(file.text) for file in texts)


_Read = tuple[_Text, Filled, list[documents.Document]]


def _application(read: Iterable[_Read]) -> Application:
    """What the release's Application says; the first one counts, as in KOTS."""
    for _, filled, found in read:
        for document in found:
            obj, place = document.value, document.place
            if kots.is_application(obj):
                _refuse_token(obj.get("metadata"), place, filled)
                return kots.application(_without_calls(obj, place, filled), place)
    return _NOTHING_SAID


def _without_calls(obj: dict[str, Any], place: Place, filled: Filled) -> Object:
    """The fields that matter of an Application; its other ones (status informers, say) may hold any call."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return obj
    wanted = ("proxyRegistryDomain", "replicatedRegistryDomain", "proxyPublicImages", "additionalImages")
    kept = {key: spec[key] for key in wanted if key in spec}
    _refuse_token(kept, place, filled)
    return {**obj, "spec": kept}


def _refuse_token(value: Any, place: Place, filled: Filled) -> None:
    if filled.refusals:
        number = templates.first_token(value)
        if number is not None and number < len(filled.refusals):
            raise templates.refusal_error(place, filled.refusals[number])


def _read(file: _Text, filled: Filled, budget: Budget) -> _Read:
    """The documents; where a call that is left makes the text unreadable, the error names the call."""
    try:
        return file, filled, documents.read(filled.text, file.origin, budget)
    except ManifestError:
        if filled.refusals:
            first = next((r for r in filled.refusals if r.breaks_text), filled.refusals[0])
            raise templates.refusal_error(Place(file.origin), first) from None
        raise


def _report(reported: dict[str, tuple[str, ...]], images: Iterable[str], user: str) -> None:
    for image in images:
        users = reported.get(image, ())
        if user not in users:
            reported[image] = (*users, user)


class _Sorter:
    """Sorts documents into what a Release is made of."""

    def __init__(
        self,
        application: Application,
        chart_archives: Sequence[ChartArchive],
        patch_helm_v2: bool,
        secrets: tuple[str, ...],
        images: DistinctImages,
    ) -> None:
        self._application = application
        self._archives = chart_archives
        self._patch_helm_v2 = patch_helm_v2
        self._secrets = secrets
        self._images = images
        self._objects: list[Object] = []
        self._sources: list[str] = []
        self._reported: dict[str, tuple[str, ...]] = {}
        self._local_images: dict[str, None] = {}
        self._charts: list[ChartRequest] = []
        self._unpatched: list[str] = []
        self._left_out: list[str] = []

    def sort(self, file: _Text, filled: Filled, found: Iterable[documents.Document]) -> None:
        self._local_images |= dict.fromkeys(filled.local_images)
        for document in found:
            self._sort(document.value, document.place, filled, file.name)

    def release(self) -> Release:
        return Release(
            objects=tuple(self._objects),
            sources=tuple(self._sources),
            application=self._application,
            reported_images=self._reported,
            local_images=tuple(self._local_images),
            charts=tuple(self._charts),
            unpatched_charts=tuple(self._unpatched),
            left_out=tuple(self._left_out),
            chart_archives=tuple(f"{archive.name} {archive.version}" for archive in self._archives),
        )

    def _sort(self, obj: dict[str, Any], place: Place, filled: Filled, source: str) -> None:
        if not (kots.is_applied(obj) or charts.is_chart(obj)):
            if kots.is_own(obj) or templates.first_token(obj.get("metadata")) is not None or included(obj, place):
                _report(self._reported, self._images.counted(_images(obj), place), name(obj))
            return
        _refuse_token(obj.get("metadata"), place, filled)
        if charts.is_chart(obj):
            self._chart(obj, place, filled)
        elif not included(obj, place):
            self._left_out.append(name(obj))
        else:
            _refuse_token(obj, place, filled)
            self._images.count_of(obj, place)
            self._objects.append(obj)
            self._sources.append(source)

    def _chart(self, obj: Object, place: Place, filled: Filled) -> None:
        if charts.is_v2(obj) and not self._patch_helm_v2:
            self._unpatched.append(name(obj))
            return
        spec = obj.get("spec")
        _refuse_token(spec.get("exclude") if isinstance(spec, dict) else None, place, filled)
        if charts.excluded(obj, place):
            self._left_out.append(name(obj))
            return
        _refuse_token({key: value for key, value in spec.items() if key != "builder"} if spec else None, place, filled)
        request = charts.request(obj, place, self._archives)
        self._charts.append(replace(request, secrets=self._secrets))


def _images(obj: Object) -> Iterator[str]:
    """Images that a document asks for and no object here runs; those that a template call would name are unknown."""
    if kots.is_application(obj):
        spec = obj.get("spec")
        images = spec.get("additionalImages") if isinstance(spec, dict) else None
        found = [image for image in images or () if isinstance(image, str)]
    else:
        found = list(kots.collector_images(obj))
    yield from (image for image in found if templates.first_token(image) is None)

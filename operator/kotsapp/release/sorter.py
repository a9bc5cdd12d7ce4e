"""A release's objects, sorted: what is applied, what is reported, which charts are rendered, what is left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kotsapp.manifests.budget import Budget
from kotsapp.manifests.documents import Document
from kotsapp.manifests.errors import Place
from kotsapp.release import chart_install, helm_chart, kots, roles
from kotsapp.release.annotations import included, name
from kotsapp.release.budget import DistinctImages
from kotsapp.release.charts import ChartArchive, ChartRequest, HelmRelease
from kotsapp.release.roles import Role

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sorted:
    """See ``Release``, whose fields these are."""

    objects: tuple[Object, ...] = ()
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    reported_images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    charts: tuple[ChartRequest, ...] = ()
    unpatched_charts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class _Chart(NamedTuple):
    name: str
    release: HelmRelease
    v2: bool
    request: ChartRequest


class Sorter:
    """Takes a release's objects one after the other. ``secrets`` may be in no message about a chart."""

    def __init__(
        self,
        archives: Sequence[ChartArchive],
        images: DistinctImages,
        *,
        patch_helm_v2: bool = True,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._archives = archives
        self._images = images
        self._patch_helm_v2 = patch_helm_v2
        self._secrets = secrets
        self._objects: list[Object] = []
        self._sources: list[str] = []
        self._places: list[str] = []
        self._reported: dict[str, tuple[str, ...]] = {}
        self._charts: list[_Chart] = []
        # Charts, by name and version, that HelmCharts name, whatever becomes of those.
        self._named: set[tuple[str, str]] = set()
        # Releases that a v1beta2 HelmChart asks for.
        self._of_v2: set[HelmRelease] = set()
        self._unpatched: list[str] = []
        self._left_out: list[str] = []

    def sort(self, found: Iterable[Document], source: str) -> None:
        """Documents of the file ``source``. Raises ManifestError for what can't be used."""
        for document in found:
            self._sort(document.value, document.place, source)

    def leave_out(self, obj: Object) -> None:
        self._left_out.append(name(obj))

    def report(self, images: Iterable[str], user: str, place: Place) -> None:
        """Images that no object here runs."""
        for image in self._images.counted(images, place):
            users = self._reported.get(image, ())
            if user not in users:
                self._reported[image] = (*users, user)

    def result(self, budget: Budget | None = None) -> Sorted:
        """``budget`` is for the values of charts that no HelmChart asks for. Raises ManifestError."""
        superseded = [chart for chart in self._charts if not chart.v2 and chart.release in self._of_v2]
        kept = [chart.request for chart in self._charts if chart not in superseded]
        taken = {HelmRelease(one.namespace, one.release_name): str(one) for one in kept}
        kept += chart_install.requests(self._archives, self._named, taken, budget)
        return Sorted(
            objects=tuple(self._objects),
            sources=tuple(self._sources),
            places=tuple(self._places),
            reported_images=self._reported,
            charts=tuple(sorted(kept, key=lambda request: request.weight)),
            unpatched_charts=tuple(self._unpatched),
            left_out=(
                *self._left_out,
                *(f"{chart.name} (a v1beta2 HelmChart has its release)" for chart in superseded),
            ),
        )

    def _sort(self, obj: dict[str, Any], place: Place, source: str) -> None:
        role = roles.role_of(obj)
        if role is Role.CHART:
            self._chart(obj, place)
        elif role is Role.SUPPORT:
            if included(obj, place):
                self.report(kots.collector_images(obj), name(obj), place)
        elif role is Role.APPLIED:
            if not included(obj, place):
                self.leave_out(obj)
                return
            self._images.count_of(obj, place)
            self._objects.append(obj)
            self._sources.append(source)
            self._places.append(str(place))

    def _chart(self, obj: Object, place: Place) -> None:
        self._named.add(helm_chart.named(obj, place))
        if helm_chart.excluded(obj, place):
            self.leave_out(obj)
            return
        of = helm_chart.release_of(obj, place)
        if helm_chart.is_v2(obj):
            self._of_v2.add(of)
            if not self._patch_helm_v2:
                self._unpatched.append(name(obj))
                return
        request = replace(helm_chart.request(obj, place, self._archives), secrets=self._secrets)
        self._charts.append(_Chart(name(obj), of, helm_chart.is_v2(obj), request))

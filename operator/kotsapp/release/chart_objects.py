"""The objects that a release's charts came to, beside its plain ones; calls that charts print are filled in."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import actions, chart_output, kots, upgrade
from kotsapp.release.annotations import name
from kotsapp.release.budget import DistinctImages, for_command_line
from kotsapp.release.charts import ChartRequest
from kotsapp.release.filling import Text
from kotsapp.release.reader import Object, Release


class _Placed(NamedTuple):
    """An object with where it is from; ``chart`` is the number of its chart, 0 for a plain one."""

    obj: Object
    source: str
    place: str
    chart: int


def with_charts(
    release: Release, outputs: Iterable[tuple[ChartRequest, bytes | str]], budget: Budget | None = None
) -> Release:
    """The release with the objects of its rendered charts; ``budget`` as ``read_release`` left it.

    Raises ManifestError for an output that can't be used, HelmError where calls in it need the engine. Not for use
    on an event loop's thread.
    """
    budget = for_command_line() if budget is None else budget
    images = DistinctImages(budget)
    left_out, definitions = list(release.left_out), list[str]()
    reported = dict(release.reported_images)
    outputs, release = _with_calls_filled(release, list(outputs))
    plain = zip(release.objects, release.sources, release.places, strict=True)
    every = [_Placed(obj, source, where, 0) for obj, source, where in plain]
    for number, (request, output) in enumerate(outputs, 1):
        found, not_run, of_crds_folder = chart_output.rendered(request, output, budget)
        definitions += of_crds_folder
        left_out += not_run
        place = Place(str(request))
        for obj in found:
            for image in images.counted(kots.collector_images(obj), place):
                reported[image] = tuple(dict.fromkeys((*reported.get(image, ()), name(obj))))
        kept = [obj for obj in found if kots.is_applied(obj)]
        for obj in kept:
            images.count_of(obj, place)
        every += [_Placed(obj, request.source, str(place), number) for obj in kept]
    gone = upgrade.superseded([one.obj for one in every], [request.past for request, _ in outputs])
    left = [one for index, one in enumerate(every) if index not in gone]
    return replace(
        release,
        objects=tuple(one.obj for one in left),
        sources=tuple(one.source for one in left),
        places=tuple(one.place for one in left),
        chart_numbers=tuple(one.chart for one in left),
        definitions=tuple(definitions),
        reported_images=reported,
        left_out=tuple(left_out),
    )


def _with_calls_filled(
    release: Release, outputs: list[tuple[ChartRequest, bytes | str]]
) -> tuple[list[tuple[ChartRequest, bytes | str]], Release]:
    """Charts may print calls for KOTS, which are filled in behind Helm, document by document."""
    texts: list[list[Text]] = []
    for request, output in outputs:
        origin = str(request)
        text = output if isinstance(output, str) else stream.decode(output, origin)
        chunks = documents.chunks(text, origin) if actions.has_calls(text) else []
        texts.append(
            [
                Text(
                    f"{origin}, document {chunk.number}",
                    f"---\n{chunk.text}",
                    Place(origin, chunk.number, chunk.line - 1),
                )
                for chunk in chunks
            ]
        )
    waiting = [text for of_chart in texts for text in of_chart]
    if not waiting:
        return outputs, release
    if release.filler is None:
        raise ManifestError(waiting[0].place, "holds template calls, and there is no license to fill them in")
    filled = release.filler.fill(waiting)
    joined = [
        (request, "".join(filled.texts[text.key] for text in of_chart) if of_chart else output)
        for (request, output), of_chart in zip(outputs, texts, strict=True)
    ]
    return joined, replace(
        release,
        drawn=replace(release.drawn, calls={**release.drawn.calls, **filled.drawn}),
        local_images=tuple(dict.fromkeys((*release.local_images, *filled.local_images))),
    )

"""The objects that a release's charts came to, beside its plain ones; calls that charts print are filled in."""

from collections.abc import Iterable
from dataclasses import replace

from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import actions, chart_output, kots, upgrade
from kotsapp.release.annotations import name
from kotsapp.release.budget import DistinctImages, for_command_line
from kotsapp.release.charts import ChartRequest
from kotsapp.release.filling import Text
from kotsapp.release.reader import Release


def with_charts(
    release: Release, outputs: Iterable[tuple[ChartRequest, bytes | str]], budget: Budget | None = None
) -> Release:
    """The release with the objects of its rendered charts; ``budget`` as ``read_release`` left it.

    Raises ManifestError for an output that can't be used, HelmError where calls in it need the engine. Not for use
    on an event loop's thread.
    """
    budget = for_command_line() if budget is None else budget
    images = DistinctImages(budget)
    places = list(release.places)
    objects, sources, left_out = list(release.objects), list(release.sources), list(release.left_out)
    reported = dict(release.reported_images)
    chart_numbers, definitions = [0] * len(objects), list[str]()
    outputs, release = _with_calls_filled(release, list(outputs))
    for number, (request, output) in enumerate(outputs, 1):
        found, not_run, of_crds_folder = chart_output.rendered(request, output, budget)
        definitions += of_crds_folder
        place = Place(str(request))
        kept = [obj for obj in found if kots.is_applied(obj)]
        for obj in found:
            for image in images.counted(kots.collector_images(obj), place):
                reported[image] = tuple(dict.fromkeys((*reported.get(image, ()), name(obj))))
        for obj in kept:
            images.count_of(obj, place)
        objects += kept
        sources += [request.source] * len(kept)
        places += [str(place)] * len(kept)
        chart_numbers += [number] * len(kept)
        left_out += not_run
    gone = upgrade.superseded(objects, [request.past for request, _ in outputs])
    return replace(
        release,
        objects=tuple(obj for number, obj in enumerate(objects) if number not in gone),
        sources=tuple(source for number, source in enumerate(sources) if number not in gone),
        places=tuple(where for number, where in enumerate(places) if number not in gone),
        chart_numbers=tuple(chart for number, chart in enumerate(chart_numbers) if number not in gone),
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

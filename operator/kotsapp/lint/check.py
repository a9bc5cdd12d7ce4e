"""A release checked before there is a license: the pipeline that renders one, which here goes on behind each fault."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kotsapp.images.unhandled import find_unhandled
from kotsapp.images.usage import LOCAL_IMAGE_NAME
from kotsapp.lint import calls as call_checks
from kotsapp.lint import charts as chart_checks
from kotsapp.lint import config as config_checks
from kotsapp.lint import images as image_checks
from kotsapp.lint.charts import Charts, Engine
from kotsapp.lint.findings import Entry, Finding, Level, Location, Report
from kotsapp.lint.images import Use
from kotsapp.lint.places import Places, line_of
from kotsapp.lint.reading import Reading, ReadObject, line_in
from kotsapp.lint.recorder import Recorder
from kotsapp.lint.unknowns import found_in
from kotsapp.manifests.errors import Place
from kotsapp.release import helm_engine
from kotsapp.release.annotations import name
from kotsapp.release.budget import DistinctImages, for_command_line
from kotsapp.release.calls import FilledRelease
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.config_values import Answers
from kotsapp.release.files import SourceFile
from kotsapp.release.filler import Filling, find_program
from kotsapp.release.kotsapps import not_fetched
from kotsapp.release.raw import Opened
from kotsapp.release.roles import Role
from kotsapp.release.sorter import Sorter


def check(
    sources: Sequence[SourceFile],
    unnamed: str,
    answers: Answers | None = None,
    find_program: Callable[[], Path] = find_program,
    engine: helm_engine.Engine | None = None,
) -> Report:
    """All that is in a release and all that is wrong with it. ``unnamed`` is the origin of standard input, ``engine``
    waits for the template calls.

    Nothing is raised for what a release holds. Runs helm where there are calls and charts; not for use on an event
    loop's thread.
    """
    filling = Filling(answers or Answers(), find_program=find_program, engine=engine, may_lack_answers=True)
    recorder = Recorder(Places(sources, unnamed))
    _check(sources, filling, recorder)
    named = dict.fromkeys(recorder.places.locate(Place(source.origin)).file for source in sources)
    order = {file: number for number, file in enumerate(named)}

    def place(one: Location) -> tuple[int, Location]:
        return order.get(one.file, len(order)), one

    return Report(
        tuple(sorted(dict.fromkeys(recorder.findings), key=lambda finding: place(finding.location))),
        tuple(sorted(dict.fromkeys(recorder.entries), key=lambda entry: place(entry.location))),
        tuple(named),
    )


def _check(sources: Sequence[SourceFile], filling: Filling, recorder: Recorder) -> None:
    budget = for_command_line()
    reading = Reading(recorder, filling, budget)
    texts, archives = reading.expanded(sources)
    opened = reading.opened(texts)
    config = config_checks.read(opened, recorder)
    opened = reading.repeated(texts, opened) if config else opened
    _list_calls(opened, recorder)
    application, users = reading.application(opened)
    filled = reading.filled(opened, config, application, archives)
    sorter = Sorter(archives, DistinctImages(budget))
    objects = [*reading.sorted(opened, filled, sorter)]
    recorder.findings += call_checks.unknown_items(opened.raws, config, recorder.places)
    recorder.findings += call_checks.license_notes(opened.raws, recorder.places)
    recorder.findings += call_checks.cluster_notes(opened.raws, recorder.places)
    engine = Engine(filling.find_program, filled.filler, budget)
    rendered = _charts(sorter.result().charts, archives, opened, engine, recorder)
    if recorder.whole and not rendered.objects and not any(one.is_applied for one in objects):
        message = "nothing in the release is applied: put the app's manifests there, or a HelmChart and its chart"
        recorder.add("no-objects", Level.ERROR, message, Place(sources[0].origin))
    for one in objects:
        for _, note in not_fetched([one.document.value]):
            recorder.add("source-not-fetched", Level.NOTE, note, one.document.place)
    users += [*rendered.images, *_asked_for_by_calls(opened, filled, recorder)]
    _images(objects, users, recorder)
    _unhandled(objects, rendered, [image for image, _, _ in users], recorder)
    at = recorder.places.locate
    recorder.findings += image_checks.twice([(one.document.value, at(one.document.place)) for one in objects])


def _list_calls(opened: Opened, recorder: Recorder) -> None:
    for one in opened.raws:
        is_filled = one.to_fill or one.role is Role.CONFIG
        for action in found_in(one.chunk.text) if one.has_calls else ():
            use = "filled in" if is_filled else "left as it is: the document is never applied"
            recorder.list("call", action.call, use, one.place.at_line(max(one.chunk.line, 1) + action.line - 1))


def _charts(
    requests: Sequence[ChartRequest],
    archives: Sequence[ChartArchive],
    opened: Opened,
    engine: Engine,
    recorder: Recorder,
) -> Charts:
    wanted = [request.archive for request in requests]
    for archive in archives:
        place, known = Place(archive.origin), f"{archive.name} {archive.version}"
        use = (
            "not installed"
            if archive not in wanted
            else "installed by a HelmChart"
            if opened.of(Role.CHART)
            else "installed"
        )
        recorder.list("chart", known, use, place)
        if archive not in wanted and recorder.whole:
            message = f"no HelmChart document (kots.io) asks for chart {known}: add one, or remove it"
            recorder.add("chart-unused", Level.WARNING, message, place)
    texts = {(one.place.origin, one.place.document): one.chunk.text for one in opened.raws if one.role is Role.CHART}
    asked = [(request, texts.get((request.place.origin, request.place.document), "")) for request in requests]
    rendered = chart_checks.rendered(asked, engine, recorder.unknowns, recorder.places)
    recorder.findings += rendered.findings
    recorder.entries += rendered.entries
    recorder.whole = recorder.whole and rendered.whole
    return rendered


def _asked_for_by_calls(opened: Opened, filled: FilledRelease, recorder: Recorder) -> Iterable[Use]:
    for image in filled.images:
        if image:
            yield image, "additionalImages", Location()
    for image in filled.local_images:
        asking = next((one.place for one in opened.raws if one.to_fill and image in one.chunk.text), Place(""))
        yield image, LOCAL_IMAGE_NAME, recorder.places.locate(line_in(opened, asking, image))


def _images(objects: Sequence[ReadObject], users: Sequence[Use], recorder: Recorder) -> None:
    found = list(users)
    unsure: set[Location] = set()
    for one in objects:
        of = name(one.document.value)
        uses = [(image, of, _line(one, image, recorder)) for image in image_checks.images_of(one.document.value)]
        if recorder.unknowns.asked_for_in(one.raw.chunk.text):
            unsure.update(at for _, _, at in uses)
        found += uses
    recorder.entries += [Entry("image", image, user, at) for image, user, at in dict.fromkeys(found)]
    recorder.findings += image_checks.invalid(found, unsure)


def _unhandled(objects: Sequence[ReadObject], rendered: Charts, others: Sequence[str], recorder: Recorder) -> None:
    """What looks like an image where nobody looks for one: left as it is, unless imagePaths name it."""
    applied = {name(one.document.value): one for one in objects if one.is_applied}
    of_charts = dict(rendered.placed)
    every = [*(one.document.value for one in applied.values()), *rendered.objects]
    for found in find_unhandled(every, others):
        one = applied.get(found.user)
        at = _line(one, found.image, recorder) if one is not None else of_charts.get(found.user, Location())
        way = (
            f"to route it: spec.imagePaths, for {found.qualified_kind}, {found.entry}" if found.entry else found.reason
        )
        message = f"{found.user}, {found.place}: {found.image} looks like an image, and is left as it is; {way}"
        recorder.findings.append(Finding("image-not-handled", Level.NOTE, message, at))


def _line(one: ReadObject, text: str, recorder: Recorder) -> Location:
    """Where an object's document has a text, as it is written, or as it is filled in."""
    written = one.raw.chunk.text
    line = line_of(written if text in written else one.text, text, one.raw.chunk.line)
    at = recorder.places.locate(one.document.place)
    return replace(at, line=max(line, at.line))

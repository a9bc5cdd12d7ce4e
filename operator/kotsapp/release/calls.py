"""The template calls of a whole release: what is to be filled in, in one go, and what came of it (DESIGN 6.2, 6.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.regexes import regex
from kotsapp.release import actions, archives, config, config_document, config_values, kots, lookups
from kotsapp.release.actions import FIRST, SECOND
from kotsapp.release.annotations import included
from kotsapp.release.charts import ChartArchive
from kotsapp.release.config import ItemProblem, Verdict
from kotsapp.release.config_document import Config
from kotsapp.release.config_values import Answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.filling import CallsError, Drawn, Failure, Filled, ItemValue, Request, Subject, Text
from kotsapp.release.raw import Opened, RawDocument, Texts
from kotsapp.release.roles import Role

if TYPE_CHECKING:
    from kotsapp.release.helm_engine import Engine

# Shorter ones are words of every message.
MIN_SECRET = 4
# Real Configs have 10 to 150 items; the API server stores at most 1.5 MiB of one object.
MAX_NAMES = 500
# Whoever asks for these expects the pull secret to be there.
_PULL_SECRET = regex(r"\b(?:ImagePullSecretName|LicenseDockerCfg|LocalImageName|LocalRegistryImagePullSecret)\b")
_NODES = regex(r"\bNodeCount\b")
# Where it is 0, a Deployment of as many replicas has none.
NO_NODES = (
    "the release asks for NodeCount, which is 0 here: they are counted where the operator may list nodes"
    " (docs/rights.md), and kotsapp render takes --nodes"
)
_IMAGE = "additional image "


def find_program() -> Path:
    """The helm on PATH. Raises HelmMissingError."""
    from kotsapp.release import helm_process

    return helm_process.find_program()


@dataclass(frozen=True, slots=True)
class Filling:
    """What filling in takes beside the context: the answers to the Config, what was drawn before, and the engine.

    ``engine`` is one that was started already and waits. ``may_lack_answers`` is for who checks a release before
    anybody answers: items without a value are empty then.
    """

    answers: Answers = field(default_factory=Answers)
    kept: Drawn = field(default_factory=Drawn)
    find_program: Callable[[], Path] = find_program
    engine: "Engine | None" = None
    may_lack_answers: bool = False


class ConfigIncompleteError(ManifestError):
    """The Config has items without a value that need one, or with one that does not fit."""

    def __init__(self, result: "ConfigResult") -> None:
        problems = result.verdict.problems
        super().__init__(result.config.place, config.problems_listed(problems))
        self.problems: tuple[ItemProblem, ...] = problems
        self.result = result


@dataclass(frozen=True, slots=True)
class ConfigResult:
    """A release's Config with what its items came to; ``given`` are the names of items that answers were given for."""

    config: Config
    items: Mapping[str, ItemValue] = field(repr=False)
    verdict: Verdict
    given: frozenset[str] = frozenset()
    generated: frozenset[str] = frozenset()

    def names(self) -> dict[str, list[str]]:
        """What a status may say of it: names of items, and never a value."""
        items = [item.name for item in self.config.items if item.editable]
        return {
            "items": items[:MAX_NAMES],
            "set": sorted(self.given)[:MAX_NAMES],
            "generated": sorted(self.generated)[:MAX_NAMES],
            "missing": sorted(self.verdict.missing)[:MAX_NAMES],
        }


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in further texts of a release, with the values that its Config came to: those that its charts print."""

    context: TemplateContext
    values: Mapping[str, str] = field(repr=False)
    filling: Filling
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def fill(self, texts: Sequence[Text]) -> Filled:
        """Raises ManifestError for what can't be filled in, HelmError and HelmMissingError."""
        kept = self.filling.kept.calls
        request = Request(self.context, texts, given=self.values, kept=kept, secrets=self.secrets)
        filled = fill(request, self.filling)
        if filled.failures:
            raise CallsError(filled.failures)
        return filled


@dataclass(frozen=True, slots=True)
class FilledRelease:
    """``texts`` are documents with their calls filled in, by key; ``failures`` those that can't be, by key."""

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    failures: Mapping[str, tuple[Failure, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    config: ConfigResult | None = None
    warnings: tuple[str, ...] = ()
    drawn: Drawn = field(default_factory=Drawn)
    local_images: tuple[str, ...] = ()
    filler: Filler | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    asks_for_pull_secret: bool = False
    asks_for_nodes: bool = False


def fill(request: Request, filling: Filling) -> Filled:
    """Fill in everything, with the engine only where there is more than look-ups. Raises as the engine does."""
    filled, left = lookups.fill(request)
    if left is None:
        return filled
    # A process costs imports that a release without one need not pay for.
    from kotsapp.release import template_engine

    return lookups.together(filled, template_engine.fill(left, filling.find_program, filling.engine))


def fill_release(
    opened: Opened,
    context: TemplateContext | None,
    filling: Filling,
    application: kots.Application,
    chart_archives: Sequence[ChartArchive],
) -> FilledRelease:
    """Fill in a release. Without a context no call can be. Raises ConfigIncompleteError, and ManifestError for a
    Config that can't be read or whose items ask for each other."""
    found = config_of(opened)
    waiting = opened.waiting
    images = [image for image in application.additional_images if actions.has_calls(image)]
    if context is None:
        return FilledRelease(failures={raw.key: _without_license(raw) for raw in waiting})
    if not (waiting or images or found):
        return FilledRelease(filler=Filler(context, {}, filling), secrets=context.secrets)
    answers = filling.answers.over(shipped_answers(opened))
    given = config.given(found, answers) if found else {}
    request = Request(
        context=context,
        texts=[
            *(_text(raw, chart_archives) for raw in waiting),
            *(Text(f"{_IMAGE}{image}", image, Place("the Application's additionalImages")) for image in images),
            *(config.condition_texts(found) if found else ()),
        ],
        items=config.item_texts(found, given, filling.kept.items) if found else (),
        patterns=config.patterns(found) if found else (),
        given=given,
        charts=_chart_values(waiting, chart_archives),
        kept=filling.kept.calls,
        secrets=tuple(_secrets(found, given, filling.kept)),
    )
    filled = fill(request, filling)
    if found and not found.names_of_items <= filled.items.keys():
        # Without an engine what is wrong as it is written is all that is known.
        return FilledRelease(failures=_failures_by_key(filled), secrets=context.secrets)
    drawn = _drawn(found, given, filling.kept, filled)
    asks_for_nodes = _asks_for_nodes(waiting, found)
    result = _config_result(found, answers, filled, drawn) if found else None
    if result and result.verdict.problems and not filling.may_lack_answers:
        raise ConfigIncompleteError(result)
    items = {name: item.effective for name, item in filled.items.items()}
    known = tuple(dict.fromkeys((*context.secrets, *_secrets(found, {**given, **items}, drawn))))
    return FilledRelease(
        texts=filled.texts,
        failures=_failures_by_key(filled),
        images=tuple(filled.texts[f"{_IMAGE}{image}"] for image in images if f"{_IMAGE}{image}" in filled.texts),
        config=result,
        warnings=(
            *(result.verdict.warnings if result else ()),
            *(config.unknown(found, answers) if found else ()),
            *([NO_NODES] if asks_for_nodes and not context.cluster.nodes else ()),
        ),
        drawn=drawn,
        local_images=filled.local_images,
        filler=Filler(context, {**given, **items}, filling, known),
        secrets=known,
        asks_for_pull_secret=any(_PULL_SECRET.search(raw.chunk.text) for raw in waiting),
        asks_for_nodes=asks_for_nodes,
    )


def _asks_for_nodes(waiting: Sequence[RawDocument], found: Config | None) -> bool:
    items = found.items if found is not None else ()
    texts = [raw.chunk.text for raw in waiting] + [f"{item.default}\n{item.value}\n{item.when}" for item in items]
    return any(_NODES.search(text) for text in texts)


def config_of(opened: Opened) -> Config | None:
    """The first one counts. Raises ManifestError."""
    return next((config_document.parse(found.value, found.place) for found in opened.of(Role.CONFIG)), None)


def shipped_answers(opened: Opened) -> Answers:
    """What ConfigValues of the release say, below what is given."""
    found = opened.of(Role.CONFIG_VALUES)
    return config_values.merged(config_values.read(document.value, document.place) for document in found)


def _config_result(found: Config, answers: Answers, filled: Filled, drawn: Drawn) -> ConfigResult:
    given = frozenset(answers.values) & found.names
    return ConfigResult(
        found, filled.items, config.judge(found, filled), given, frozenset(drawn.items) | filled.generated
    )


def _without_license(raw: RawDocument) -> tuple[Failure, ...]:
    try:
        first = (actions.find(raw.chunk.text, FIRST) or actions.find(raw.chunk.text, SECOND))[0]
        line, call = first.line, first.call
    except actions.UnendedError as error:
        line, call = error.problem.line, error.problem.call
    place = raw.place.at_line(raw.chunk.line + line - 1)
    return (Failure(Subject(raw.key), place, call, "there is no license to take it from"),)


def _text(raw: RawDocument, chart_archives: Sequence[ChartArchive]) -> Text:
    return Text(raw.key, raw.chunk.text, raw.place, _chart_of(raw, chart_archives))


def _chart_of(raw: RawDocument, chart_archives: Sequence[ChartArchive]) -> str:
    """Which archive ``HelmValue`` asks, by name and version as they are written."""
    if raw.role is not Role.CHART or "HelmValue" not in raw.chunk.text:
        return ""
    return next((_chart_key(one) for one in chart_archives if one.name in raw.chunk.text), "")


def _chart_key(archive: ChartArchive) -> str:
    return f"{archive.name} {archive.version}"


def _chart_values(
    waiting: Sequence[RawDocument], chart_archives: Sequence[ChartArchive]
) -> dict[str, Mapping[str, Any]]:
    """The values that charts come with, of those that are asked for."""
    asked = {_chart_of(raw, chart_archives) for raw in waiting} - {""}
    found: dict[str, Mapping[str, Any]] = {}
    for archive in chart_archives:
        if _chart_key(archive) in asked:
            files = archives.unpack(archive.data, archive.origin)
            values = next(
                (file for file in files if file.path.count("/") == 1 and file.path.endswith("/values.yaml")), None
            )
            if values is not None:
                found[_chart_key(archive)] = documents.read_mapping(values.data, f"{archive.origin}, {values.path}")
    return found


def _failures_by_key(filled: Filled) -> dict[str, tuple[Failure, ...]]:
    found: dict[str, tuple[Failure, ...]] = {}
    for failure in filled.failures:
        found[failure.subject.name] = (*found.get(failure.subject.name, ()), failure)
    return found


def _drawn(found: Config | None, given: Mapping[str, str], kept: Drawn, filled: Filled) -> Drawn:
    """What was drawn this time, and what of before still is what an item has."""
    texts = config.item_texts(found, given, kept.items) if found else ()
    still = {text.name for text in texts if text.given is not None and text.name in kept.items.keys() - given.keys()}
    editable = {item.name for item in found.items if item.editable} if found else set()
    names = sorted(still | (filled.generated & editable))
    # What such an item's call came to is the item's value now; certificates are known by their names to every document.
    units = {f"config {name}" for name in names}
    calls = {key: value for key, value in filled.drawn.items() if _unit(key) not in units}
    certificates = {key: value for key, value in kept.calls.items() if key.startswith("certificate ")}
    return Drawn({name: filled.items[name].value for name in names}, {**certificates, **calls})


def _unit(key: str) -> str:
    """The text in which something was drawn: all of its key but the function, what it was given, and the count."""
    return key.rsplit(" ", 3)[0]


def _secrets(found: Config | None, values: Mapping[str, str], drawn: Drawn) -> list[str]:
    """What may be in no message: passwords and files that were given, and what was drawn."""
    names = [item.name for item in found.items if item.type in ("password", "file")] if found else []
    secrets = [*(values.get(name, "") for name in names), *drawn.texts()]
    return [secret for secret in secrets if len(secret) >= MIN_SECRET]


def excluded(raw: RawDocument, texts: Texts) -> list[documents.Document]:
    """The objects of a document that is left out whatever its calls come to; none if it is not, or can't be read."""
    try:
        found = texts.read(raw)
        return found if found and all(not included(one.value, one.place) for one in found) else []
    except ManifestError:
        return []

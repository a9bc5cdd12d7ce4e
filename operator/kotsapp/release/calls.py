"""The template calls of a whole release: what is to be filled in, in one go, and what came of it (DESIGN 6.2, 6.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kotsapp.manifests.errors import Place
from kotsapp.regexes import regex
from kotsapp.release import actions, chart_values, config, drawn, kots
from kotsapp.release.actions import FIRST, SECOND
from kotsapp.release.charts import ChartArchive
from kotsapp.release.config_document import Config
from kotsapp.release.config_result import ConfigIncompleteError, ConfigResult, config_of, config_result, shipped_answers
from kotsapp.release.config_values import Answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.filler import Filler, Filling, fill
from kotsapp.release.filling import Drawn, Failure, Filled, Request, Subject, Text
from kotsapp.release.raw import Opened, RawDocument

# Whoever asks for these expects the pull secret to be there.
_PULL_SECRET = regex(r"\b(?:ImagePullSecretName|LicenseDockerCfg|LocalImageName|LocalRegistryImagePullSecret)\b")
_NODES = regex(r"\bNodeCount\b")
# Where it is 0, a Deployment of as many replicas has none.
NO_NODES = (
    "the release asks for NodeCount, which is 0 here: they are counted where the operator may list nodes"
    " (docs/rights.md), and kotsapp render takes --nodes"
)


@dataclass(frozen=True, slots=True)
class FilledRelease:
    """What a release's calls came to: ``texts`` are documents with their calls filled in, by key; ``failures`` those
    that can't be, by key. ``images`` are the Application's additional ones, ``local_images`` those that calls ask for.
    ``drawn`` is to be kept with the release; ``filler`` fills in what its charts print; ``secrets`` may be in no
    message."""

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
    calls = _Calls(waiting, images, found, answers, config.given(found, answers) if found else {})
    filled = fill(calls.request(context, filling.kept, chart_archives), filling)
    if found and not found.names_of_items <= filled.items.keys():
        # Without an engine what is wrong as it is written is all that is known.
        return FilledRelease(failures=_failures_by_key(filled), secrets=context.secrets)
    return calls.result(context, filling, filled)


@dataclass(frozen=True, slots=True)
class _Calls:
    """All calls of a release: those of documents that wait for them, of additional images, and of the Config's items,
    with the ``answers`` to these and what is ``given`` by name."""

    waiting: Sequence[RawDocument]
    images: Sequence[str]
    config: Config | None
    answers: Answers
    given: Mapping[str, str] = field(repr=False)

    def request(self, context: TemplateContext, kept: Drawn, chart_archives: Sequence[ChartArchive]) -> Request:
        """Everything to fill in; ``kept`` is what was drawn before."""
        charts = {raw.key: chart_values.chart_of(raw, chart_archives) for raw in self.waiting}
        texts = [Text(raw.key, raw.chunk.text, raw.place, charts[raw.key]) for raw in self.waiting]
        texts += [Text(_image_key(image), image, Place("the Application's additionalImages")) for image in self.images]
        return Request(
            context=context,
            texts=[*texts, *(config.condition_texts(self.config) if self.config else ())],
            items=config.item_texts(self.config, self.given, kept.items) if self.config else (),
            patterns=config.patterns(self.config) if self.config else (),
            given=self.given,
            charts=chart_values.read(charts.values(), chart_archives),
            kept=kept.calls,
            secrets=tuple(drawn.secrets(self.config, self.given, kept)),
        )

    def result(self, context: TemplateContext, filling: Filling, filled: Filled) -> FilledRelease:
        """What it came to. Raises ConfigIncompleteError."""
        now_drawn = drawn.to_keep(self.config, self.given, filling.kept, filled)
        came_to = config_result(self.config, self.answers, filled, now_drawn) if self.config else None
        if came_to and came_to.verdict.problems and not filling.may_lack_answers:
            raise ConfigIncompleteError(came_to)
        values = {**self.given, **{name: item.effective for name, item in filled.items.items()}}
        secrets = tuple(dict.fromkeys((*context.secrets, *drawn.secrets(self.config, values, now_drawn))))
        asks_for_nodes = _asks_for_nodes(self.waiting, self.config)
        return FilledRelease(
            texts=filled.texts,
            failures=_failures_by_key(filled),
            images=tuple(filled.texts[key] for key in map(_image_key, self.images) if key in filled.texts),
            config=came_to,
            warnings=(
                *(came_to.verdict.warnings if came_to else ()),
                *(config.unknown(self.config, self.answers) if self.config else ()),
                *([NO_NODES] if asks_for_nodes and not context.cluster.nodes else ()),
            ),
            drawn=now_drawn,
            local_images=filled.local_images,
            filler=Filler(context, values, filling, secrets),
            secrets=secrets,
            asks_for_pull_secret=any(_PULL_SECRET.search(raw.chunk.text) for raw in self.waiting),
            asks_for_nodes=asks_for_nodes,
        )


def _image_key(image: str) -> str:
    return f"additional image {image}"


def _asks_for_nodes(waiting: Sequence[RawDocument], found: Config | None) -> bool:
    items = found.items if found is not None else ()
    texts = [raw.chunk.text for raw in waiting] + [f"{item.default}\n{item.value}\n{item.when}" for item in items]
    return any(_NODES.search(text) for text in texts)


def _without_license(raw: RawDocument) -> tuple[Failure, ...]:
    try:
        first = (actions.find(raw.chunk.text, FIRST) or actions.find(raw.chunk.text, SECOND))[0]
        line, call = first.line, first.call
    except actions.UnendedError as error:
        line, call = error.problem.line, error.problem.call
    place = raw.place.at_line(raw.chunk.line + line - 1)
    return (Failure(Subject(raw.key), place, call, "there is no license to take it from"),)


def _failures_by_key(filled: Filled) -> dict[str, tuple[Failure, ...]]:
    found: dict[str, tuple[Failure, ...]] = {}
    for failure in filled.failures:
        found[failure.subject.name] = (*found.get(failure.subject.name, ()), failure)
    return found

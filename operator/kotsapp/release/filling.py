"""What is to be filled in of a release, and what it came to: the values on both sides of the template engine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.release.context import TemplateContext

# More would fill a screen, and say nothing new.
MAX_SHOWN = 20


class Subject(NamedTuple):
    """What a text is part of: an item's field (``value``, ``default`` or ``filename``), or a text of its own."""

    name: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with calls. ``key`` names it for good: what it draws at random is kept under that name."""

    key: str
    text: str = field(repr=False)
    place: Place
    chart: str = ""


@dataclass(frozen=True, slots=True)
class ItemText:
    """An item of the Config: its texts, and ``given``, the value that it has instead of its own."""

    name: str
    place: Place
    default: str = field(default="", repr=False)
    value: str = field(default="", repr=False)
    filename: str = ""
    given: str | None = field(default=None, repr=False)


class Pattern(NamedTuple):
    """A regular expression, in Go's syntax, that an item's value is held against; the text under ``key`` then is
    ``true`` or ``false``. ``encoded`` says that the value is base64."""

    key: str
    item: str
    pattern: str
    place: Place
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class ItemValue:
    value: str = field(default="", repr=False)
    default: str = field(default="", repr=False)

    @property
    def effective(self) -> str:
        return self.value or self.default


class Failure(NamedTuple):
    """A call that can't be filled in: of a text, or of an item's ``field``."""

    subject: Subject
    place: Place
    call: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"

    @property
    def problem(self) -> str:
        what = f"the template call {quote(self.call)}" if self.call else "a template call"
        of = f"the Config's item {self.subject.name}, {self.subject.field}: " if self.subject.field else ""
        return f"{of}{what} can't be filled in: {self.reason}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn at random and is to be kept: whole values of items by name, and what single calls came to."""

    items: Mapping[str, str] = field(default_factory=dict, repr=False)
    calls: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def texts(self) -> Iterator[str]:
        """Everything that may be in no message."""
        yield from self.items.values()
        for value in self.calls.values():
            yield from (value.values() if isinstance(value, dict) else [value] if isinstance(value, str) else [])


@dataclass(frozen=True, slots=True)
class Request:
    """Everything to fill in. ``items`` are in the order of their dependencies; ``given`` are values by name, also of
    names that no item has. ``charts`` are default values for ``HelmValue``, by a text's ``chart``. ``kept`` is what
    was drawn before."""

    context: TemplateContext
    texts: Sequence[Text] = ()
    items: Sequence[ItemText] = ()
    patterns: Sequence[Pattern] = ()
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    charts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    kept: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Filled:
    """What the texts came to. ``drawn`` is what was drawn at random and taken from ``kept``, as JSON can hold it;
    ``generated`` are the items whose value was drawn. ``local_images`` are references that calls asked for."""

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    items: Mapping[str, ItemValue] = field(default_factory=dict, repr=False)
    failures: tuple[Failure, ...] = ()
    drawn: Mapping[str, Any] = field(default_factory=dict, repr=False)
    generated: frozenset[str] = frozenset()
    local_images: tuple[str, ...] = ()


class CallsError(ManifestError):
    """Calls that can't be filled in, all of them, as one error that begins as the first."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        first, *others = failures
        shown = [first.problem, *map(str, others[: MAX_SHOWN - 1])]
        if len(failures) > MAX_SHOWN:
            shown.append(f"and {len(failures) - MAX_SHOWN} more calls")
        super().__init__(first.place, "; ".join(shown))
        self.failures = tuple(failures)

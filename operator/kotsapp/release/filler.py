"""Filling texts in: by look-ups alone where they suffice, else with helm's template engine (DESIGN 6.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kotsapp.release import lookups
from kotsapp.release.config_values import Answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.filling import CallsError, Drawn, Filled, Request, Text

if TYPE_CHECKING:
    from kotsapp.release.helm_engine import Engine


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


def fill(request: Request, filling: Filling) -> Filled:
    """Fill in everything, with the engine only where there is more than look-ups. Raises as the engine does."""
    filled, left = lookups.fill(request)
    if left is None:
        return filled
    # A process costs imports that a release without one need not pay for.
    from kotsapp.release import template_engine

    return lookups.together(filled, template_engine.fill(left, filling.find_program, filling.engine))

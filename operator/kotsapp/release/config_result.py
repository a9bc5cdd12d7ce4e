"""What a release's Config came to: its items' values, and what a status says of them (DESIGN 6.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kotsapp.manifests.errors import ManifestError
from kotsapp.release import config, config_document, config_values
from kotsapp.release.config import ItemProblem, Verdict
from kotsapp.release.config_document import Config
from kotsapp.release.config_values import Answers
from kotsapp.release.filling import Drawn, Filled, ItemValue
from kotsapp.release.raw import Opened
from kotsapp.release.roles import Role

# Real Configs have 10 to 150 items; the API server stores at most 1.5 MiB of one object.
MAX_NAMES = 500


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


class ConfigIncompleteError(ManifestError):
    """The Config has items without a value that need one, or with one that does not fit."""

    def __init__(self, result: ConfigResult) -> None:
        problems = result.verdict.problems
        super().__init__(result.config.place, config.problems_listed(problems))
        self.problems: tuple[ItemProblem, ...] = problems
        self.result = result


def config_of(opened: Opened) -> Config | None:
    """The first one counts. Raises ManifestError."""
    return next((config_document.parse(found.value, found.place) for found in opened.of(Role.CONFIG)), None)


def shipped_answers(opened: Opened) -> Answers:
    """What ConfigValues of the release say, below what is given."""
    found = opened.of(Role.CONFIG_VALUES)
    return config_values.merged(config_values.read(document.value, document.place) for document in found)


def config_result(found: Config, answers: Answers, filled: Filled, drawn: Drawn) -> ConfigResult:
    """Judge what the items were filled in with; ``drawn`` is what is kept of them."""
    given = frozenset(answers.values) & found.names
    generated = frozenset(drawn.items) | filled.generated
    return ConfigResult(found, filled.items, config.judge(found, filled), given, generated)

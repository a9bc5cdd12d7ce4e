"""Images that custom resources hold outside pod specs: where they are, as the person who knows the resource says it.

A path is dotted field names. After a name, ``[*]`` means every item of a list, ``[2]`` one item (from 0), ``[name=a]``
the items whose field ``name`` is ``a``, and ``['a.b']`` a field whose name has dots; ``*`` in a name's place means
every field. Examples: ``spec.image``,
``spec.images[*].ref``, ``spec.nodes.*.image``, ``spec.template.metadata.annotations['example.com/agent-image']``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from kotsapp.regexes import regex

Path = tuple[str | int, ...]

# The longest path seen in a public custom resource is under 20 steps; the bound keeps a typo from costing anything.
MAX_STEPS = 32


class Wildcard(Enum):
    """A step that means every item of a list, or every field of a mapping."""

    ITEM = "[*]"
    FIELD = "*"


class Select(NamedTuple):
    """A step that means the items of a list in which a field is this text."""

    name: str
    value: str


Step = str | int | Wildcard | Select

_STEP = regex(
    r"\.?(?P<field>[A-Za-z0-9_$/-]+)"
    r"|\.(?P<every>\*)"
    r"|(?P<item>\[\*\])"
    r"|\[(?P<index>[0-9]{1,6})\]"
    r"|\['(?P<quoted>[^']+)'\]"
    r"|\[(?P<name>[A-Za-z0-9_-]+)=(?P<value>[^\[\]']+)\]"
)


# Items of a list among which one is looked for by its name: far more than a pod has containers or variables.
_MAX_NAMED = 1000
_PLAIN = regex(r"[A-Za-z0-9._/-]+")


class InvalidImagePathError(ValueError):
    """The text is no path. The message quotes it and says where reading stopped."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"imagePaths: {path[:200]!r} is not a path: {problem}")
        self.problem = f"{path[:200]!r} is not a path: {problem}"


@dataclass(frozen=True, slots=True)
class ImagePath:
    """Images of one kind of custom resource.

    ``group`` is the API group (empty for the core group), ``path`` where the reference is, ``pull_secrets`` the path
    of the list that takes the pull secret's name, None to let the surroundings of the image decide. Raises
    InvalidImagePathError.
    """

    group: str
    kind: str
    path: str
    pull_secrets: str | None = None
    steps: tuple[Step, ...] = field(init=False, repr=False, compare=False)
    pull_secret_steps: Path | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", parse_steps(self.path))
        secret_steps = None if self.pull_secrets is None else _exact(self.pull_secrets)
        object.__setattr__(self, "pull_secret_steps", secret_steps)

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}:{self.path}"

    def matches(self, group: str, kind: str) -> bool:
        return group == self.group and kind == self.kind


def parse_steps(path: str) -> tuple[Step, ...]:
    """The steps of a path; raises InvalidImagePathError."""
    if not path or path.startswith("."):
        raise InvalidImagePathError(path, "it starts with a field name, for example spec.image")
    steps: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        separated = position == 0 or path[position] in ".["
        if match is None or not separated:
            raise InvalidImagePathError(path, f"can't read it from {path[position : position + 40]!r} on")
        steps.append(_step(match))
        position = match.end()
    if len(steps) > MAX_STEPS:
        raise InvalidImagePathError(path, f"it has {len(steps)} steps, at most {MAX_STEPS} are read")
    return tuple(steps)


def hits(value: Any, steps: tuple[Step, ...]) -> Iterator[tuple[Path, str]]:
    """Every non-empty text at the path: its exact place and the text. What is not there, or no text, is passed over."""
    if not steps:
        if isinstance(value, str) and value:
            yield (), value
        return
    step, rest = steps[0], steps[1:]
    for key, child in children(value, step):
        for path, text in hits(child, rest):
            yield (key, *path), text


def values_at(value: Any, steps: tuple[Step, ...], most: int) -> int:
    """How many values a path leads through, 1 at least; counted no further than until there are more than ``most``."""
    if not steps:
        return 1
    step, rest = steps[0], steps[1:]
    wide = len(value) if isinstance(step, Wildcard | Select) and isinstance(value, Mapping | list) else 1
    if wide > most:
        return wide
    count = 0
    for _, child in children(value, step):
        count += values_at(child, rest, most - count)
        if count > most:
            break
    return max(count, wide)


def dotted(path: Path) -> str:
    """An exact place in the same notation, for people and for annotations."""
    parts: list[str] = []
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif re.fullmatch(r"[A-Za-z0-9_$/-]+", key):
            parts.append(f".{key}" if parts else key)
        else:
            parts.append(f"['{key}']")
    return "".join(parts)


def dotted_by_name(obj: Any, path: Path) -> str:
    """The same, with items of lists named by their ``name`` where they have one: an item's number changes when another
    one comes before it."""
    parts, value = "", obj
    for key in path:
        step = f"[{key}]" if isinstance(key, int) else dotted((key,))
        if isinstance(key, int) and isinstance(value, list) and len(value) <= _MAX_NAMED:
            names = [one.get("name") if isinstance(one, Mapping) else None for one in value]
            name = names[key] if key < len(names) else None
            if isinstance(name, str) and names.count(name) == 1 and _PLAIN.fullmatch(name):
                step = f"[name={name}]"
        parts += step if step.startswith("[") or not parts else f".{step}"
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            value = None
    return parts


def children(value: Any, step: Step) -> list[tuple[str | int, Any]]:
    """What one step of a path leads to: names or indexes, each with what stands there; empty where it leads nowhere."""
    if isinstance(value, Mapping):
        if step is Wildcard.FIELD:
            return [(key, child) for key, child in value.items() if isinstance(key, str)]
        return [(step, value[step])] if isinstance(step, str) and step in value else []
    if isinstance(value, list):
        if step is Wildcard.ITEM:
            return list(enumerate(value))
        if isinstance(step, Select):
            return [
                (n, one) for n, one in enumerate(value) if isinstance(one, Mapping) and one.get(step.name) == step.value
            ]
        return [(step, value[step])] if isinstance(step, int) and step < len(value) else []
    return []


def _step(match: re.Match[str]) -> Step:
    if match["field"] is not None:
        return match["field"]
    if match["quoted"] is not None:
        return match["quoted"]
    if match["name"] is not None:
        return Select(match["name"], match["value"])
    if match["index"] is not None:
        return int(match["index"])
    return Wildcard.FIELD if match["every"] else Wildcard.ITEM


def _exact(path: str) -> Path:
    exact: list[str | int] = []
    for step in parse_steps(path):
        if isinstance(step, Wildcard | Select):
            raise InvalidImagePathError(path, "the list of pull secrets is one place, so its path has no * and no =")
        exact.append(step)
    return tuple(exact)

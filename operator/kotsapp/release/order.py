"""The order in which a release's objects come into the cluster and leave it (DESIGN 6.4). Pure.

Plain objects by their creation phase, then charts one after the other; in each of them the hooks that run before the
others, the others, and the hooks that run after them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kotsapp.images.image_path import InvalidImagePathError, Step, parse_steps
from kotsapp.images.podspec import group_kind
from kotsapp.manifests.errors import quote
from kotsapp.regexes import regex
from kotsapp.release.annotations import Object, annotations_of, name
from kotsapp.release.chart_output import hook_of

CREATION_PHASE, DELETION_PHASE = "kots.io/creation-phase", "kots.io/deletion-phase"
WAIT_FOR_READY, WAIT_FOR_PROPERTIES = "kots.io/wait-for-ready", "kots.io/wait-for-properties"

# What everything else stands on, and whose absence makes the API server refuse the rest.
_FOUNDATIONS = frozenset({("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")})
_SECRET = ("", "Secret")
# A claim may wait for its first pod, which a later chart may bring.
_NEVER_WAITED_FOR = frozenset({("", "PersistentVolumeClaim")})
# As many digits as a person writes; a number without end would take time to read.
_PHASE = regex(r"[+-]?[0-9]{1,9}")
# Of one object; each is looked up at every look at the app.
MAX_PROPERTIES = 20


class OrderError(ValueError):
    """An annotation about the order can't be read; the message names the object and the annotation."""


class Property(NamedTuple):
    """A field, as it is written and as steps, and the text that it has to become."""

    path: str
    steps: tuple[Step, ...]
    value: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Objects that are applied together, by their places in the release.

    The next stage waits until what has to run of ``ran`` has ended well, until all of ``ready`` are, and until the
    ``properties`` have their values.
    """

    objects: tuple[int, ...]
    ran: frozenset[int] = frozenset()
    ready: frozenset[int] = frozenset()
    properties: Mapping[int, tuple[Property, ...]] = field(default_factory=dict)


def stages(objects: Sequence[Object], charts: Sequence[int]) -> tuple[Stage, ...]:
    """Objects in their order. ``charts`` has for each object 0 when it is a plain one, else the number of its chart.

    A chart is waited for where a later one has hooks that run before its other objects: they may need it. Raises
    OrderError.
    """
    everything = range(len(objects))
    first = [n for n in everything if group_kind(objects[n]) in _FOUNDATIONS and hook_of(objects[n]) is None]
    made = [Stage(tuple(first))] if first else []
    rest = [n for n in everything if n not in set(first)] if first else list(everything)
    groups: dict[tuple[int, int], list[int]] = {}
    for number in rest:
        phase = 0 if charts[number] else _phase(objects[number], CREATION_PHASE)
        groups.setdefault((charts[number], phase), []).append(number)
    last_before = max((chart for (chart, _), members in groups.items() if _hooks_before(objects, members)), default=0)
    for chart, phase in sorted(groups):
        made += _group(objects, groups[chart, phase], plain=chart == 0, waited=0 < chart < last_before)
    return tuple(made)


def deletion_phase(obj: Object) -> int:
    """When it is deleted, lowest number first; raises OrderError."""
    return _phase(obj, DELETION_PHASE)


def _hooks_before(objects: Sequence[Object], members: Sequence[int]) -> bool:
    return any((hook := hook_of(objects[n])) is not None and hook.before for n in members)


def _group(objects: Sequence[Object], members: Sequence[int], *, plain: bool, waited: bool) -> Iterator[Stage]:
    """The stages of a chart, or of the plain objects of one phase. Secrets come first: a hook's pods may need one."""
    hooks = {n: hook for n in members if (hook := hook_of(objects[n])) is not None}
    by_order: dict[tuple[int, int], list[int]] = {}
    secrets = []
    for number in members:
        if group_kind(objects[number]) == _SECRET:
            secrets.append(number)
        else:
            by_order.setdefault(hooks[number].order if number in hooks else (0, 0), []).append(number)
    if secrets:
        earliest = min(by_order, default=(0, 0))
        by_order[earliest] = [*secrets, *by_order.get(earliest, ())]
    for order in sorted(by_order):
        here = by_order[order]
        ran = frozenset(n for n in here if n in hooks)
        ready = {n for n in here if waited and n not in ran and group_kind(objects[n]) not in _NEVER_WAITED_FOR}
        properties: dict[int, tuple[Property, ...]] = {}
        for number in here if plain else ():
            if annotations_of(objects[number]).get(WAIT_FOR_READY) == "true":
                ready.add(number)
            if found := _properties(objects[number]):
                properties[number] = found
        yield Stage(tuple(here), ran, frozenset(ready), properties)


def _phase(obj: Object, annotation: str) -> int:
    value = annotations_of(obj).get(annotation)
    if value is None or value == "":
        return 0
    text = str(value).strip()
    if not _PHASE.fullmatch(text):
        raise OrderError(f"the annotation {annotation} of {name(obj)} is {quote(text)}: write a whole number")
    return int(text)


def _properties(obj: Object) -> tuple[Property, ...]:
    """``path=value,path=value``; a path may start with a dot, as jq's do."""
    text = annotations_of(obj).get(WAIT_FOR_PROPERTIES)
    if not isinstance(text, str) or not text.strip():
        return ()
    found = []
    what = f"the annotation {WAIT_FOR_PROPERTIES} of {name(obj)}"
    for part in text.split(","):
        path, equals, value = part.strip().partition("=")
        try:
            steps = parse_steps(path.strip().removeprefix("."))
        except InvalidImagePathError as error:
            raise OrderError(f"{what}: {error.problem}") from None
        if not equals:
            raise OrderError(f"{what} has {quote(part)}: write path=value, such as status.phase=Ready")
        found.append(Property(path.strip().removeprefix("."), steps, value.strip()))
    if len(found) > MAX_PROPERTIES:
        raise OrderError(f"{what} has {len(found)} properties, more than {MAX_PROPERTIES}")
    return tuple(found)

"""What a session found to do, and what it did. Values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.plan import Plan, PlanDigests
from kotsapp.apply.repair_backoff import RepairHistory
from kotsapp.kube.objects import GroupKind, ObjectKey

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done to bring the cluster to ``plan``: objects that ``changed`` in it, or that have ``drifted``.

    ``drifted`` are repaired now, ``postponed`` later, since somebody fights over them; ``ended`` are Jobs that ended
    and removed themselves, about which there is nothing to do;
    ``unwatched`` are kinds that this identity may not watch.
    """

    plan: Plan
    digests: PlanDigests
    changed: tuple[Object, ...] = ()
    drifted: tuple[Object, ...] = ()
    postponed: tuple[Object, ...] = ()
    ended: frozenset[ObjectKey] = frozenset()
    unwatched: frozenset[GroupKind] = frozenset()

    @property
    def due(self) -> tuple[Object, ...]:
        """What is to be applied now."""
        return (*self.changed, *self.drifted)


@dataclass(frozen=True, slots=True)
class Contested:
    """Objects that somebody else keeps changing back; ``wait`` is in seconds."""

    message: str
    wait: float


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What was done: objects ``applied`` because the plan changed, ``repaired`` because somebody changed them.

    ``waiting`` are objects that have to come to something, and to what, before the rest is applied; ``ended`` are Jobs
    that ended and removed themselves; ``unwatched`` are kinds that this identity may not watch; ``repairs`` is the
    history, these included.
    """

    applied: tuple[ObjectKey, ...] = ()
    repaired: tuple[ObjectKey, ...] = ()
    waiting: Mapping[ObjectKey, str] = field(default_factory=dict)
    ended: frozenset[ObjectKey] = frozenset()
    unwatched: frozenset[GroupKind] = frozenset()
    contested: Contested | None = None
    repairs: RepairHistory = field(default_factory=RepairHistory)


@dataclass(frozen=True, slots=True)
class Removal:
    """Objects that were ``deleted``, and those that were ``left`` in the cluster for good, with the reason."""

    deleted: tuple[ObjectKey, ...] = ()
    left: tuple[tuple[ObjectKey, str], ...] = ()

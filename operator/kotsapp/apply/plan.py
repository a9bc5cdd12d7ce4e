"""Everything that is to be in the cluster for an app, and in which phases it comes there. Values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.digests import object_digest
from kotsapp.images.image_path import Step
from kotsapp.kube.objects import ObjectKey, key_of

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """Objects that are applied together, tier by tier.

    The next phase waits until all of ``awaited`` have run, until all of ``ready`` are, and until the ``properties``
    (path, steps, text) of the live objects are as stated.
    """

    objects: tuple[Object, ...]
    awaited: frozenset[ObjectKey] = frozenset()
    ready: frozenset[ObjectKey] = frozenset()
    properties: Mapping[ObjectKey, Sequence[tuple[str, tuple[Step, ...], str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to apply, in phases.

    ``exclusive`` are objects, pull secrets say, that nobody else may have, whoever's rights are used. ``as_written``
    are those that run once, before their images are rewritten: another route for what has run already is no reason to
    run it again. ``left_open`` are the fields that are somebody else's, by object. ``if_absent`` are definitions and
    namespaces that are made where there are none and never changed. ``deletion_phases`` say when objects are deleted,
    by default in phase 0. ``places`` say where the manifests have an object.
    """

    phases: tuple[Phase, ...] = ()
    exclusive: frozenset[ObjectKey] = frozenset()
    as_written: Mapping[ObjectKey, Object] = field(default_factory=dict)
    left_open: Mapping[ObjectKey, Sequence[Sequence[Step]]] = field(default_factory=dict)
    if_absent: frozenset[ObjectKey] = frozenset()
    deletion_phases: Mapping[ObjectKey, int] = field(default_factory=dict)
    places: Mapping[ObjectKey, str] = field(default_factory=dict)

    @property
    def objects(self) -> list[Object]:
        return [obj for phase in self.phases for obj in phase.objects]

    @property
    def keys(self) -> list[ObjectKey]:
        return [key_of(obj) for obj in self.objects]


@dataclass(frozen=True, slots=True)
class PlanDigests:
    """Digests of what is ``wanted``, and of what was ``written`` of that which runs once."""

    wanted: Mapping[ObjectKey, str]
    written: Mapping[ObjectKey, str]

    @classmethod
    def of(cls, plan: Plan, digest_key: bytes) -> "PlanDigests":
        """``digest_key`` keys the digests of Secrets, so that a status does not reveal what they hold."""
        return cls(
            {key_of(obj): object_digest(obj, digest_key) for obj in plan.objects},
            {key: object_digest(obj, digest_key) for key, obj in plan.as_written.items()},
        )

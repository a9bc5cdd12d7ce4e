"""Whose the objects are that a plan would write over: one reason not to touch an object a function."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from kotsapp.apply.adopt import Adoption
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.changes import Object
from kotsapp.apply.digests import managers
from kotsapp.apply.inventory import Inventory, Marks
from kotsapp.apply.plan import Plan
from kotsapp.apply.policy import stranger
from kotsapp.apply.reader import LiveReader
from kotsapp.apply.refusals import Refusal
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey, Owner, key_of
from kotsapp.text import grouped

MAX_SHOWN = 5
CONCURRENCY = 16
MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Applicant:
    """The app that applies: who it is, and how its objects are known.

    ``account`` is the ServiceAccount as which it applies, empty for the operator itself; ``adopt`` says whose objects
    are taken over (``Adoption.from_names``).
    """

    owner: Owner
    marks: Marks
    account: str = ""
    adopt: str | None = None


class ClaimedError(Exception):
    """Other apps have some of the objects. ``claims`` says who has which; ``exclusive`` are among them."""

    def __init__(self, claims: Mapping[ObjectKey, Owner], exclusive: Sequence[ObjectKey], namespace: str) -> None:
        claimed = [f"{key.within(namespace)} is claimed by KotsApp {holder}" for key, holder in claims.items()]
        message = "; ".join(claimed[:MAX_SHOWN]) + "; one object can't have two, remove it from one of them"
        super().__init__(message)
        self.claims = claims
        self.exclusive = tuple(exclusive)
        self._namespace = namespace

    def shown(self, key: ObjectKey) -> str:
        """The object as messages of this app name it."""
        return key.within(self._namespace)


class NotOursError(Exception):
    """Objects are there already and are somebody else's; the message names the first of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(grouped(problems, MAX_SHOWN))


class TakenError(NotOursError):
    """The name of an exclusive object is taken."""


Holds = Callable[[Owner, ObjectKey], Awaitable[bool]]


async def claim(applicant: Applicant, plan: Plan, keys: Sequence[ObjectKey], reader: LiveReader, holds: Holds) -> None:
    """Reserve these objects of the plan until ``OwnedObjects.release``; raises ClaimedError when another app has one.

    Labels alone claim nothing: ``holds`` says whether the app that they name has the object in its inventory.
    """
    cache, owner = reader.cache, applicant.owner
    claims = cache.reserve(owner, keys)
    if not claims:
        labelled = {key: seen.owner for key in keys if (seen := await reader.get(key)) and all(seen.owner)}
        others = {key: other for key, other in labelled.items() if other != owner}
        claims = {key: other for key, other in others.items() if await holds(other, key)}
    if not claims:
        return
    cache.release(owner)
    cache.await_release(owner, claims)
    raise ClaimedError(claims, [key for key in claims if key in plan.exclusive], owner.namespace)


def refuse_controlled(applicant: Applicant, stored: Sequence[Object]) -> None:
    """Raises NotOursError when a controller made one of these live objects: it lasts as long as that one's owner."""
    problems = [problem for obj in stored if (problem := _controlled_by_other(obj, applicant))]
    if problems:
        raise NotOursError(problems)


async def refuse_strangers(
    applicant: Applicant, objects: Sequence[Object], client: KubeClient, cache: OwnedObjects, inventory: Inventory
) -> None:
    """Raises NotOursError when one of these objects is there and is not the app's: for the operator's own rights."""
    unsure = [key for key in map(key_of, objects) if not _is_known(applicant.owner, key, cache)]
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(key: ObjectKey) -> str | None:
        async with gate:
            try:
                kind = await client.resource_type(key.api_version, key.kind)
            except UnknownKindError:
                return None  # nobody has one: its definition is still to be applied
            live = await client.get(kind, key.name, key.namespace, metadata_only=True)
        if live is None:
            return None
        live["kind"] = key.kind  # of metadata alone the answer says that it is metadata
        marks = applicant.marks
        reason = stranger(live, marks.labels, marks.manager, applied=inventory.get(key) is not None)
        return f"{key.within(applicant.owner.namespace)} {reason}" if reason else None

    problems = [problem for problem in await asyncio.gather(*(one(key) for key in unsure)) if problem]
    if problems:
        raise NotOursError(problems)


def adoption(applicant: Applicant, inventory: Inventory, plan: Plan) -> Adoption:
    """Whose fields become the app's in its objects; what may not be applied over stays as it is."""
    marks = applicant.marks

    def allowed(live: Object) -> bool:
        if _controlled_by_other(live, applicant) is not None:
            return False
        applied = inventory.get(key_of(live)) is not None
        return bool(applicant.account) or stranger(live, marks.labels, marks.manager, applied=applied) is None

    return replace(Adoption.from_names(applicant.adopt), allowed=allowed, left_open=plan.left_open)


async def refuse_taken(applicant: Applicant, objects: Sequence[Object], client: KubeClient) -> list[Refusal]:
    """Raises TakenError when the name of one of these exclusive objects is taken by another type or owner.

    Those that this identity may not even read are refused: whose they are can't be known.
    """
    unread: list[Refusal] = []

    async def one(obj: Object) -> str | None:
        key = key_of(obj)
        kind = await client.resource_type(key.api_version, key.kind)
        try:
            live = await client.get(kind, key.name, key.namespace)
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            unread.append(Refusal(key, error.message, error.transient))
            return None
        return taken(live, obj, applicant.marks)

    problems = [problem for problem in await asyncio.gather(*map(one, objects)) if problem]
    if problems:
        raise TakenError(problems)
    return unread


def taken(live: Mapping[str, Any] | None, wanted: Object, marks: Marks) -> str | None:
    """Why an exclusive object may not be written over the live one, which it names; None when it may.

    It is the app's when it carries the app's labels, or when our manager wrote it and no label names another owner
    (somebody took our labels off, which is repaired).
    """
    if live is None:
        return None
    why = _taken(live, wanted, marks)
    if why is None:
        return None
    key = key_of(wanted)
    return f"{key.kind} {key.namespace}/{key.name} of type {live.get('type')} {why}"


def _taken(live: Mapping[str, Any], wanted: Object, marks: Marks) -> str | None:
    metadata: Mapping[str, Any] = live.get("metadata") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    other = {name: labels[name] for name, value in marks.labels.items() if labels.get(name, value) != value}
    if other:
        shown = ", ".join(f"{name}={value}" for name, value in sorted(other.items()))
        return f"belongs to somebody else ({shown})"
    marked = bool(marks.labels) and marks.labels.keys() <= labels.keys()
    if not marked and marks.manager not in managers(metadata):
        return f"is there already and belongs to {_owner(metadata, labels)}"
    if live.get("type") != wanted.get("type"):
        return f"can't be changed to type {wanted.get('type')}"
    data = live.get("data") or {}
    if live.get("immutable") is True and any(data.get(name) != value for name, value in wanted["data"].items()):
        return "is immutable and holds something else"
    return None


def _owner(metadata: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    owners = metadata.get("ownerReferences") or ()
    if owners:
        return " and ".join(f"{owner.get('kind')} {owner.get('name')}" for owner in owners)
    if MANAGED_BY in labels:
        return labels[MANAGED_BY]
    return ", ".join(sorted(managers(metadata))) or "an unknown owner"


def _is_known(owner: Owner, key: ObjectKey, cache: OwnedObjects) -> bool:
    """Whether the watch shows the app's labels on the live object."""
    seen = cache.get(key)
    return seen is not None and seen.owner == owner


def _controlled_by_other(obj: Object, applicant: Applicant) -> str | None:
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference.get("uid") != applicant.marks.uid:
            return (
                f"{key_of(obj).within(applicant.owner.namespace)} belongs to {reference.get('kind')}"
                f" {reference.get('name')}; give the object in the manifests another name"
            )
    return None

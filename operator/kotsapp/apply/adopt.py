"""Whose fields become ours before an object is applied, and which of ours become nobody's (DESIGN 8).

Server-side apply removes what a manifest has no more only where no other manager has the field, too. Whoever applied
the object before us is such a manager, so that nothing it had applied would ever go: a sidecar, a variable, a volume.
Changing ``metadata.managedFields`` changes nothing else of an object.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.digests import owned_fields
from kotsapp.apply.managed_fields import places, split, strange_entries, union
from kotsapp.apply.policy import KOTS_MARK
from kotsapp.images.image_path import Step
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey, key_of

logger = logging.getLogger(__name__)

Object = Mapping[str, Any]
Records = Sequence[Mapping[str, Any]]

# What writes whole objects by the manifest of somebody: kubectl (``kubectl`` was its name before 1.18, and is that of
# its server-side apply), Helm, and what the API server calls the fields of a time without a record. What a person
# changed since by ``kubectl edit``, ``patch``, ``annotate`` or ``set`` is no manifest's.
KUBECTL = frozenset({"kubectl-client-side-apply", "kubectl", "kubectl-create", "kubectl-replace", "before-first-apply"})
HELM = frozenset({"helm", "helm3"})
# KOTS runs kubectl, also its ``patch`` for objects that are too large to be annotated, and Helm.
KOTS = frozenset({"kots", "kotsadm", "kubectl-patch"}) | KUBECTL | HELM
# KOTS puts labels and annotations of its group on pod templates, too: without them pods would be restarted.
_KOTS_FIELD = re.compile(r"f:kots\.io/")
_MARKED = ("f:labels", "f:annotations")
_ITEM = re.compile(r"\[[^\[\]]*\]")
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Adoption:
    """``managers`` are those whose fields come along when an object becomes ours, ``kots`` whether KOTS is one where
    its mark is on the object, ``always`` those whose fields come whenever an object is applied. ``allowed`` says of a
    live object whether it may be written at all. ``left_open`` are the fields that are to be nobody's, by object.
    """

    managers: frozenset[str] = KUBECTL | HELM
    kots: bool = True
    always: frozenset[str] = frozenset()
    allowed: Callable[[Object], bool] = lambda _: True
    left_open: Mapping[ObjectKey, Sequence[Sequence[Step]]] = field(default_factory=dict)

    @classmethod
    def from_names(cls, text: str | None) -> "Adoption":
        """By what ``kotsapp.dev/adopt`` says: ``kubectl``, ``helm``, ``kots``, or names of field managers, with commas
        between them. Without it the three are meant; with it those that it names alone, none of them where it is
        ``none``."""
        if text is None:
            return cls()
        names = {name.strip() for name in text.split(",")} - {"", "none"}
        managers = (KUBECTL if "kubectl" in names else frozenset()) | (HELM if "helm" in names else frozenset())
        return cls(managers, "kots" in names, frozenset(names - {"kubectl", "helm", "kots"}))

    @property
    def possible(self) -> frozenset[str]:
        """All managers whose fields may become ours."""
        return self.managers | self.always | (KOTS if self.kots else frozenset())

    def from_whom(self, metadata: Mapping[str, Any]) -> frozenset[str]:
        """The managers whose fields of this live object become ours."""
        if owned_fields(metadata, FIELD_MANAGER) is not None:
            return self.always
        marked = any(KOTS_MARK in (metadata.get(name) or {}) for name in ("labels", "annotations"))
        return self.possible if marked else self.managers | self.always


@dataclass(frozen=True, slots=True)
class Moved:
    """What was changed in a live object: the records as they were, and its version since."""

    before: Records
    version: str


class Adopter:
    """Moves fields between the managers of live objects."""

    def __init__(self, client: KubeClient, adoption: Adoption) -> None:
        self._client = client
        self._adoption = adoption
        # Objects of which a dry run has shown whether there is anything to move.
        self._known: dict[ObjectKey, bool] = {}

    def note(self, key: ObjectKey, answer: Object) -> None:
        """Remember from a dry run's answer whether somebody has fields that become ours."""
        records = answer["metadata"].get("managedFields") or ()
        self._known[key] = any(_is_theirs(record, self._adoption.possible) for record in records)

    def is_due(self, key: ObjectKey) -> bool:
        """Whether the live object may have to be looked at before it is applied."""
        return key in self._adoption.left_open or self._known.get(key, True)

    async def prepare(self, obj: Object, error: ApiError | None = None) -> Moved | None:
        """Move the fields of the live object; None when there was nothing to move.

        After the ``error`` of an apply, entries of other managers go, too, that stand in the lists which it names and
        are not wanted there: beside them what is wanted can't stand.
        """
        key = key_of(obj)
        kind = await self._client.resource_type(key.api_version, key.kind)
        for attempt in range(ATTEMPTS):
            live = await self._client.get(kind, key.name, key.namespace)
            if live is None or not self._adoption.allowed({"apiVersion": key.api_version, "kind": key.kind, **live}):
                return None
            before: Records = live["metadata"].get("managedFields") or ()
            after = self._moved(live, before or await self._first_records(key), obj, error)
            if after is None:
                return None
            metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": after}
            try:
                answer = await self._client.merge(kind, key.name, key.namespace, {"metadata": metadata})
            except ApiError as conflict:
                if conflict.status != 409 or attempt == ATTEMPTS - 1:
                    raise
                continue
            logger.info("%s: took over fields", key)
            return Moved(before or [{}], str(answer["metadata"]["resourceVersion"]))
        return None

    async def restore(self, obj: Object, moved: Moved) -> None:
        """Give the fields back, unless somebody has changed the object since."""
        key = key_of(obj)
        kind = await self._client.resource_type(key.api_version, key.kind)
        metadata = {"resourceVersion": moved.version, "managedFields": list(moved.before)}
        try:
            await self._client.merge(kind, key.name, key.namespace, {"metadata": metadata})
        except ApiError as error:
            logger.warning("%s: its fields could not be given back: %s", key, error)

    def _moved(
        self, live: Object, records: Records, obj: Object, error: ApiError | None
    ) -> list[Mapping[str, Any]] | None:
        managers = self._adoption.from_whom({**live["metadata"], "managedFields": records})
        moved = taken_over(records, managers)
        moved = without_entries(moved, obj, lists_of(error)) if error is not None else moved
        moved = let_go(moved, live, self._adoption.left_open.get(key_of(obj), ()))
        return None if moved == list(records) else moved

    async def _first_records(self, key: ObjectKey) -> Records:
        """What the API server would record of an object of which it has kept no record."""
        place = {"name": key.name, "namespace": key.namespace} if key.namespace else {"name": key.name}
        bare = {"apiVersion": key.api_version, "kind": key.kind, "metadata": place}
        try:
            answer = await self._client.apply(bare, dry_run=True)
        except ApiError:
            return ()
        found = answer["metadata"].get("managedFields") or ()
        return [record for record in found if record.get("manager") != FIELD_MANAGER]


def taken_over(records: Records, managers: Collection[str]) -> list[Mapping[str, Any]]:
    """The records with the fields of these managers in ours, but for the labels and annotations of KOTS."""
    ours: dict[str, Any] = {}
    others: list[Mapping[str, Any]] = []
    taken: list[Mapping[str, Any]] = []
    for record in records:
        if _is_ours(record):
            ours = dict(record)
        elif _is_theirs(record, managers):
            theirs, moved = split(record.get("fieldsV1") or {}, _is_kots_mark)
            if theirs:
                others.append({**record, "fieldsV1": theirs})
            if moved:
                taken.append({**record, "fieldsV1": moved})
        else:
            others.append(record)
    return _with_ours(ours, taken, others) if taken else list(records)


def without_entries(records: Records, wanted: Object, lists: Collection[tuple[str, ...]]) -> list[Mapping[str, Any]]:
    """The records with the entries in ours that others have in these lists of the object, and that are not wanted."""
    ours = next((dict(record) for record in records if _is_ours(record)), {})
    others: list[Mapping[str, Any]] = []
    taken: list[Mapping[str, Any]] = []
    for record in records:
        if _is_ours(record):
            continue
        fields = record.get("fieldsV1") or {}
        strange = {path for steps in lists for path in strange_entries(fields, wanted, steps)}
        if not strange or record.get("subresource"):
            others.append(record)
            continue
        moved, theirs = split(fields, strange.__contains__)
        taken.append({**record, "fieldsV1": moved})
        if theirs:
            others.append({**record, "fieldsV1": theirs})
    return _with_ours(ours, taken, others) if taken else list(records)


def let_go(records: Records, live: Object, left_open: Sequence[Sequence[Step]]) -> list[Mapping[str, Any]]:
    """The records, ours without these fields: what is nobody's stays as it is when it is applied no more."""
    found = []
    for record in records:
        if _is_ours(record):
            fields = record.get("fieldsV1") or {}
            open_ = {path for steps in left_open for path in places(fields, live, steps)}
            record = {**record, "fieldsV1": split(fields, open_.__contains__)[1]} if open_ else record
        found.append(record)
    return found


def lists_of(error: ApiError) -> set[tuple[str, ...]]:
    """The lists whose items an answer complains of, each by the names of the fields on the way to it."""
    complaints = (name.rpartition("[")[0] for name in error.fields if "[" in name)
    return {tuple(_ITEM.sub("", place).strip(".").split(".")) for place in complaints}


def _with_ours(ours: dict[str, Any], taken: Records, others: Records) -> list[Mapping[str, Any]]:
    if not ours:
        ours = {**taken[0], "manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {}}
    for record in taken:
        ours["fieldsV1"] = union(ours.get("fieldsV1") or {}, record["fieldsV1"])
    return [*others, ours]


def _is_ours(record: Mapping[str, Any]) -> bool:
    return (
        record.get("manager") == FIELD_MANAGER and record.get("operation") == "Apply" and not record.get("subresource")
    )


def _is_theirs(record: Mapping[str, Any], managers: Collection[str]) -> bool:
    return record.get("manager") in managers and not record.get("subresource")


def _is_kots_mark(path: tuple[str, ...]) -> bool:
    return len(path) > 1 and path[-2] in _MARKED and _KOTS_FIELD.match(path[-1]) is not None

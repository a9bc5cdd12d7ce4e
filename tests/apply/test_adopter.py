"""Taking over the fields of live objects, by an API that answers from a dictionary."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from kotsapp.apply.adopt import Adopter, Adoption
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey

KEY = ObjectKey("v1", "ConfigMap", "shop", "settings")
WANTED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}}
THEIRS = {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}}
OURS = {**THEIRS, "manager": "kotsapp", "operation": "Apply"}


class Live:
    """One live object, of which ``conflicts`` writes are refused because somebody else was faster."""

    def __init__(self, records: list[Any] | None, conflicts: int = 0) -> None:
        self.metadata: dict[str, Any] | None = {"name": "settings", "namespace": "shop", "resourceVersion": "1"}
        self.conflicts = conflicts
        self.writes = 0
        if records:
            self.metadata["managedFields"] = records

    @property
    def records(self) -> Any:
        return (self.metadata or {}).get("managedFields")

    async def resource_type(self, api_version: str, kind: str) -> tuple[str, str]:
        return api_version, kind

    async def get(self, *_: Any) -> dict[str, Any] | None:
        return None if self.metadata is None else {"metadata": dict(self.metadata)}

    async def merge(self, *place_and_patch: Any) -> dict[str, Any]:
        patch: Mapping[str, Any] = place_and_patch[-1]
        assert self.metadata is not None
        if self.conflicts:
            self.conflicts -= 1
            self.metadata["resourceVersion"] += "0"
        if patch["metadata"]["resourceVersion"] != self.metadata["resourceVersion"]:
            raise ApiError(409, "Conflict", "the object has been modified")
        self.writes += 1
        self.metadata |= {**patch["metadata"], "resourceVersion": self.metadata["resourceVersion"] + "1"}
        return {"metadata": dict(self.metadata)}

    async def apply(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Of an object without a record the API server makes one, of all that it has."""
        first = [{**THEIRS, "manager": "before-first-apply"}]
        return {"metadata": {"managedFields": [*(self.records or first), {**OURS, "fieldsV1": {}}]}}


def adopter(live: Live, adoption: Adoption | None = None) -> Adopter:
    return Adopter(cast(KubeClient, live), adoption or Adoption())


async def test_fields_are_taken_over_and_given_back() -> None:
    live = Live([THEIRS])
    moved = await adopter(live).prepare(WANTED)
    assert live.records == [OURS]

    assert moved is not None
    await adopter(live).restore(WANTED, moved)

    assert live.records == [THEIRS]


async def test_what_somebody_changed_since_is_not_given_back() -> None:
    live = Live([THEIRS])
    moved = await adopter(live).prepare(WANTED)
    live.conflicts = 1

    assert moved is not None
    await adopter(live).restore(WANTED, moved)

    assert live.records == [OURS]


async def test_an_object_that_somebody_changes_meanwhile_is_read_again() -> None:
    live = Live([THEIRS], conflicts=2)

    await asyncio.wait_for(adopter(live).prepare(WANTED), 5)

    assert live.records == [OURS]
    assert live.writes == 1


async def test_an_object_without_a_record_is_taken_over_whole() -> None:
    live = Live(None)

    moved = await adopter(live).prepare(WANTED)

    assert live.records == [OURS]
    assert moved is not None
    assert moved.before == [{}]


async def test_nothing_is_written_without_need_or_without_leave() -> None:
    gone = Live([THEIRS])
    gone.metadata = None
    for live, adoption in (
        (Live([OURS]), None),
        (Live([OURS, THEIRS]), None),
        (Live([THEIRS]), Adoption.from_names("none")),
        (Live([THEIRS]), Adoption(allowed=lambda _: False)),
        (gone, None),
    ):
        assert await adopter(live, adoption).prepare(WANTED) is None
        assert live.writes == 0


async def test_an_object_is_looked_at_only_where_a_dry_run_showed_somebody_else_in_it() -> None:
    live = Live([OURS])
    made = adopter(live)
    assert made.is_due(KEY), "nothing is known of it yet"

    made.note(KEY, {"metadata": {"managedFields": [OURS, {**THEIRS, "manager": "me"}]}})
    assert not made.is_due(KEY)

    made.note(KEY, {"metadata": {"managedFields": [THEIRS]}})
    assert made.is_due(KEY)
    opened = adopter(live, Adoption(left_open={KEY: [("data", "a")]}))
    opened.note(KEY, {"metadata": {}})
    assert opened.is_due(KEY)

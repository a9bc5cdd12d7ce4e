"""One app's sessions on a fake cluster, one after the other."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from harness.cluster import (
    APP,
    NAMESPACE,
    fake_cluster,
    owned_by,
    watched_objects,
)
from harness.fakekube import FakeApi, connect
from harness.virtual_time import quiet
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.changes import Changes, ChangeSet, Removal
from kotsapp.apply.drift import Known
from kotsapp.apply.inventory import Inventory, Marks
from kotsapp.apply.ledger import Ledger
from kotsapp.apply.ownership import Applicant
from kotsapp.apply.plan import Phase, Plan
from kotsapp.apply.session import Cluster, Session, SessionOptions
from kotsapp.kube.client import FIELD_MANAGER, KubeClient
from kotsapp.kube.objects import ObjectKey, Owner, key_of
from kotsapp.names import NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION

Object = dict[str, Any]
OTHER = Owner(NAMESPACE, "other-app")
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:deployer"


def plan_of(objects: Sequence[Object], exclusive: Sequence[Object] = ()) -> Plan:
    keys = frozenset(key_of(one) for one in exclusive)
    return Plan((Phase((*objects, *exclusive)),), keys)


@dataclass(slots=True)
class Bench:
    """One app's sessions on a fake cluster; the inventory is kept between them, as in a status."""

    api: FakeApi
    cache: OwnedObjects
    client: KubeClient
    owner: Owner = APP
    account: str = ""
    inventory: Inventory = field(default_factory=lambda: Inventory({}))
    saved: list[list[str]] = field(default_factory=list)
    holders: dict[Owner, set[ObjectKey]] = field(default_factory=dict)
    removal: Removal = field(default_factory=Removal)

    @property
    def applicant(self) -> Applicant:
        labels = {NAMESPACE_LABEL: self.owner.namespace, NAME_LABEL: self.owner.name}
        marks = Marks(labels, f"uid-of-{self.owner.name}", PRUNE_ANNOTATION, FIELD_MANAGER)
        return Applicant(self.owner, marks, self.account)

    def session(self, ledger: Ledger, options: SessionOptions | None = None) -> Session:
        cluster = Cluster(self.client, self.cache, self._client_of, self._holds)
        return Session(self.applicant, cluster, Known(self.inventory), ledger, options or SessionOptions(b"key"))

    async def roll_out(self, *objects: Object, exclusive: Sequence[Object] = (), force: bool = False) -> ChangeSet:
        """Check, apply and prune; the objects are labelled as a plan labels them."""
        plan = plan_of([owned_by(self.owner, one) for one in objects], [owned_by(self.owner, one) for one in exclusive])
        return await self.bring(plan, force=force)

    async def bring(self, plan: Plan, *, force: bool = False) -> ChangeSet:
        ledger = Ledger(self.inventory, self._save)
        try:
            with self.session(ledger, SessionOptions(b"key", lambda _: force)) as session:
                changes: Changes = await session.check(plan)
                done = await session.apply(changes)
                self.removal = await session.prune(changes)
                session.watch_only_own(plan)
        finally:
            self.inventory = ledger.inventory
        await quiet()
        return done

    def listed(self) -> list[str]:
        return sorted(str(entry.key) for entry in self.inventory.entries.values())

    async def _save(self, _: bool) -> None:
        self.saved.append(self.api.writes())

    async def _holds(self, owner: Owner, key: ObjectKey) -> bool:
        return key in self.holders.get(owner, ())

    def _client_of(self, account: str) -> KubeClient:
        return self.client.impersonating(f"system:serviceaccount:{NAMESPACE}:{account}") if account else self.client


@asynccontextmanager
async def cluster(*namespaces: str) -> AsyncIterator[Bench]:
    api = fake_cluster(*namespaces)
    cache, _ = watched_objects()
    try:
        yield Bench(api, cache, connect(api))
    finally:
        await cache.close()


def of_another_app(bench: Bench, owner: Owner) -> Bench:
    """Another app in the same cluster, seen by the same operator."""
    return replace(bench, owner=owner, inventory=Inventory({}))

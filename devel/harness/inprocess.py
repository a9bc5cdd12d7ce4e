"""The operator without Kopf, without a process and without a network: its workers on a fake cluster.

What Kopf does is done by a few lines here: it tells the workers of every KotsApp, sets the finalizer, and asks for the
clean-up of those that are deleted.
"""

# ruff: noqa: ARG002 - the prober here looks at less than the real one

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from harness.cluster import NAMESPACE, Object, fake_cluster
from harness.fakekube import FakeApi, connect
from harness.licenses import Signer
from harness.vendors import VendorWeb
from harness.virtual_time import quiet, until
from kotsapp.apply.cache import OwnedObjects
from kotsapp.fair_queue import NOBODY, Tenant
from kotsapp.images.reference import Reference
from kotsapp.license import TrustedKeys
from kotsapp.names import API_VERSION, FINALIZER, KIND, NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION
from kotsapp.pods.installed import PolicyLook
from kotsapp.pods.watch import PodWatches
from kotsapp.reconcile.app import App
from kotsapp.reconcile.metrics import Metrics
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.reconcile.rendering import RENDER_JOBS
from kotsapp.reconcile.services import Services, Settings
from kotsapp.reconcile.shares import Shares
from kotsapp.reconcile.workers import Workers
from kotsapp.registry.credential import Credential
from kotsapp.release.process import InProcess
from kotsapp.sources.fetcher import Fetcher
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verification, Verified
from localworld.release_channel import Vendor

PRIVATE, PUBLIC = "quay.io/my-org/api:v1", "quay.io/my-org/web:v1"
PROXIED = f"proxy.replicated.com/proxy/my-kots-app/{PRIVATE}"
_STATUSES = {Verdict.PUBLIC: 200, Verdict.PRIVATE: 401}
_CLEANUP_RETRY = 1.0


class KnowingProber(Prober):
    """Asks nobody: ``verdicts`` are known, and every other image is public. ``asked`` lists what was wanted to know.

    ``verified`` is what the proxy says of every image, ``fault`` is raised instead of an answer.
    """

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        self.verdicts = dict(verdicts)
        self.asked: list[str] = []
        self.verified = Verified.TRUE
        self.fault: Exception | None = None

    async def probe(
        self, reference: Reference, *, timeout: float, max_age: float, refresh: bool = False, tenant: Tenant = NOBODY
    ) -> ProbeResult:
        self.asked.append(reference.written)
        if self.fault is not None:
            raise self.fault
        verdict = self.verdicts.get(reference.written, Verdict.PUBLIC)
        return ProbeResult(
            reference.written, verdict, "known", http_status=_STATUSES.get(verdict), host=reference.host, requests=1
        )

    async def verify(
        self,
        reference: Reference,
        credential: Credential,
        *,
        timeout: float,
        max_age: float,
        refresh: bool = False,
        tenant: Tenant = NOBODY,
    ) -> Verification:
        return Verification(self.verified, "known", http_status=200)


@dataclass(slots=True)
class Operator:
    """One life of the operator, over ``api``, which outlives it."""

    api: FakeApi
    signer: Signer
    prober: KnowingProber
    web: VendorWeb
    workers: Workers = field(default_factory=Workers)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    sets_finalizers: bool = True
    notices_deletions: bool = True
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _cleaning: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    # -- what a person does and sees

    def put_license(self, name: str = "my-license", **changes: Any) -> None:
        document = self.signer.sign(**changes).decode()
        self.api.put({**_named("Secret", name, "v1"), "stringData": {"license.yaml": document}})

    def put_app(self, *objects: Mapping[str, Any], name: str = "my-app", **spec: Any) -> None:
        """A KotsApp with these objects inline."""
        text = yaml.safe_dump_all(map(_without_namespace, objects), sort_keys=False)
        wanted = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"inline": text}], **spec}
        live = self.api.get(KIND, name, NAMESPACE)
        self.api.put({**(live or _named(KIND, name, API_VERSION)), "spec": wanted})

    def status(self, name: str = "my-app") -> Object:
        found: Object = self.api.live(KIND, name, NAMESPACE).get("status") or {}
        return found

    def ready(self, name: str = "my-app") -> tuple[str, str]:
        """Status and reason of the Ready condition, as it is for the generation that is there."""
        app = self.api.get(KIND, name, NAMESPACE) or {}
        for condition in (app.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready" and condition["observedGeneration"] == app["metadata"]["generation"]:
                return condition["status"], condition["reason"]
        return "", ""

    def condition(self, type_: str) -> Object:
        """As status has it, empty if it has none."""
        return next((c for c in self.status().get("conditions") or () if c["type"] == type_), {})

    def data(self, name: str = "settings") -> Any:
        """What a ConfigMap holds, None if there is none."""
        found = self.api.get("ConfigMap", name, NAMESPACE)
        return None if found is None else found.get("data")

    def message(self, name: str = "my-app") -> str:
        conditions = self.status(name).get("conditions") or ()
        return next((str(c["message"]) for c in conditions if c["type"] == "Ready"), "")

    def shown(self, metric: str, **labels: str) -> float | None:
        """What /metrics says of a series, None when it has none."""
        return self.registry.get_sample_value(metric, labels)

    def whole_message(self, name: str = "my-app") -> str:
        """What Ready says, uncut."""
        found = {c["type"]: str(c["message"]) for c in self.status(name).get("conditions") or ()}
        return found.get("Stalled") or found.get("Reconciling") or found.get("Ready", "")

    def events(self) -> list[str]:
        found = sorted(self.api.all("Event", NAMESPACE), key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [event["reason"] for event in found]

    async def until_ready(self, name: str = "my-app") -> None:
        await until(lambda: self.ready(name)[0] == "True", lambda: (name, self.ready(name), self.message(name)))
        await quiet(5)

    async def until_reason(self, reason: str, name: str = "my-app") -> None:
        await until(lambda: self.ready(name)[1] == reason, lambda: (name, self.ready(name), self.message(name)))
        await quiet(5)

    # -- what Kopf does

    async def watch(self, services: Services) -> None:
        kind = await services.client.resource_type(API_VERSION, KIND)
        async for event in services.client.watch(kind, None, "0"):
            if event["type"] == "BOOKMARK":
                continue
            body = event["object"]
            uid = body["metadata"]["uid"]
            if event["type"] == "DELETED":
                self._end(uid)
                if self.notices_deletions and self.workers.forget(App.of(body)):
                    services.cache.forget_owner(App.of(body).key)
                    services.metrics.forget(App.of(body).key)
                continue
            worker = self.workers.see(body)
            if "deletionTimestamp" in body["metadata"]:
                if uid not in self._cleaning:
                    self._end(uid)
                    self._cleaning[uid] = asyncio.create_task(self._clean_up(body, services))
            elif uid not in self._running:
                if self.sets_finalizers:
                    self._hold(body)
                self._running[uid] = asyncio.create_task(worker.run(services))

    async def stop(self) -> None:
        tasks = [*self._running.values(), *self._cleaning.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hold(self, body: Object) -> None:
        finalizers = body["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            patch = {"metadata": {"finalizers": [*finalizers, FINALIZER]}}
            self.api.change(KIND, body["metadata"]["name"], patch, body["metadata"]["namespace"], manager="kopf")

    def _end(self, uid: str) -> None:
        for tasks in (self._running, self._cleaning):
            task = tasks.pop(uid, None)
            if task is not None:
                task.cancel()

    async def _clean_up(self, body: Object, services: Services) -> None:
        worker = self.workers.see(body)
        while await worker.remove(services):
            await asyncio.sleep(_CLEANUP_RETRY)
            if not await worker.look(services):
                return


@asynccontextmanager
async def operating(
    signer: Signer,
    api: FakeApi | None = None,
    verdicts: Mapping[str, Verdict] | None = None,
    settings: Settings | None = None,
    default_account: str = "",
    web: VendorWeb | None = None,
    shares: Shares | None = None,
) -> AsyncIterator[Operator]:
    """An operator at work until the block ends; with a license there, unless ``api`` is given, as after a restart.

    ``web`` is what answers for the vendor's release service, ``shares`` what others may have some of.
    """
    cluster = api or fake_cluster()
    prober = KnowingProber(verdicts or {PRIVATE: Verdict.PRIVATE})
    operator = Operator(cluster, signer, prober, web or VendorWeb(Vendor()), Workers(default_account))
    if api is None:
        operator.put_license()
    client, workers = connect(cluster), operator.workers
    cache = OwnedObjects((NAMESPACE_LABEL, NAME_LABEL), PRUNE_ANNOTATION, workers.wake)
    workers.watch_with(ReferenceWatch(client, workers.wake_users, workers.wake_namespace))
    keys = TrustedKeys.load(signer.folder)
    reader, metrics = InProcess(RENDER_JOBS), Metrics(operator.registry)
    fetcher, chosen = Fetcher(operator.web), settings or Settings()
    pods, policies = PodWatches(workers.wake), PolicyLook(client)
    workers.watch_pods_with(pods)
    services = Services(client, cache, reader, prober, fetcher, keys, chosen, metrics, pods, policies, workers.follow)
    services = replace(services, shares=shares or services.shares)
    watch = asyncio.create_task(operator.watch(services))
    try:
        yield operator
        if watch.done():
            watch.result()  # its fault is the test's
    finally:
        watch.cancel()
        await operator.stop()
        await asyncio.gather(watch, cache.close(), workers.close(), return_exceptions=True)


def _named(kind: str, name: str, api_version: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}}


def _without_namespace(made: Mapping[str, Any]) -> Object:
    """As a release has it."""
    metadata = {name: value for name, value in made["metadata"].items() if name != "namespace"}
    return {**made, "metadata": metadata}

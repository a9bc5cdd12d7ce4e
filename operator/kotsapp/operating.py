"""The operator's life: connect, lead or follow, work until told to end, and begin anew where it can't go on."""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import kopf
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from kotsapp import __version__, handlers
from kotsapp.apply.cache import OwnedObjects
from kotsapp.aside import GIVE_WAY
from kotsapp.backoff import Backoff
from kotsapp.election import Elector
from kotsapp.endpoints import Readiness
from kotsapp.kube.client import KubeClient, connect
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.fence import Fence
from kotsapp.lease import ApiLease, Seen
from kotsapp.license import TrustedKeys
from kotsapp.login import Login
from kotsapp.names import API_VERSION, KIND, NAME_LABEL, NAMESPACE_LABEL, PRUNE_ANNOTATION
from kotsapp.pods.installed import PolicyLook
from kotsapp.pods.watch import PodWatches
from kotsapp.reconcile.metrics import Metrics as ReconcileMetrics
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.reconcile.rendering import RENDER_JOBS
from kotsapp.reconcile.services import Services, Settings
from kotsapp.reconcile.workers import Workers
from kotsapp.registry.config import Registries
from kotsapp.release.process import reading
from kotsapp.sources.fetcher import Fetcher
from kotsapp.sources.web import Web
from kotsapp.stopping import StoppedError, Stopping
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.prober import Prober
from kotsapp.watching import NOT_YET, AppWatch

logger = logging.getLogger(__name__)

AGENT = f"kotsapp-operator/{__version__}"
CRD_POLL = 5.0
API_POLL = 1.0
# After a term that came to nothing: what the API server refuses for long is asked for seldom.
BEGIN_ANEW = Backoff(first=1.0, longest=30.0)
MAX_CAUSE = 300


@dataclass(frozen=True, slots=True)
class Election:
    """Where the Lease is; ``namespace`` is empty for the operator's own."""

    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """The administrator's choices. ``default_account`` may be empty; ``election`` None is for one replica alone."""

    registries: Registries
    keys: TrustedKeys
    settings: Settings
    default_account: str = ""
    allow_private: bool = True
    election: Election | None = None
    error_backoffs: Sequence[float] = handlers.ERROR_BACKOFFS
    begin_anew: Backoff = BEGIN_ANEW


@dataclass(frozen=True, slots=True)
class OperatorMetrics:
    """What is registered once, however often the work is begun."""

    registry: CollectorRegistry
    reconcile: ReconcileMetrics
    probes: Metrics
    apps: Gauge
    owned: Gauge
    leader: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "OperatorMetrics":
        """Everything that /metrics shows."""
        ProcessCollector(registry=registry)
        return cls(
            registry,
            ReconcileMetrics(registry),
            Metrics(registry),
            Gauge("kotsapp_apps", "KotsApps that are kept true.", registry=registry),
            Gauge("kotsapp_owned_objects", "Applied objects that are watched.", registry=registry),
            Gauge("kotsapp_leader", "1 when this replica leads, 0 when it follows another one.", registry=registry),
        )

    def show(self, apps: Callable[[], int], owned: Callable[[], int], leads: Callable[[], bool]) -> None:
        """From now on, what these say."""
        for gauge, value in ((self.apps, apps), (self.owned, owned), (self.leader, leads)):
            gauge.set_function(value)

    def rest(self) -> None:
        """This process reconciles nothing for now: the replica that leads reports the apps."""
        self.reconcile.clear()
        self.show(lambda: 0, lambda: 0, lambda: False)


class Operator:
    """One process. ``readiness`` says at each moment what /readyz is answered."""

    def __init__(self, options: Options, metrics: OperatorMetrics) -> None:
        self.readiness: Callable[[], Readiness] = lambda: Readiness(False, NOT_YET)
        self._options = options
        self._metrics = metrics
        self._identity = identity()
        self._stopping = Stopping()
        self._seen: Seen | None = None  # the Lease, as the last term left it
        self._failures = 0

    async def run(self) -> None:
        """Work until told to end; what ends otherwise is begun anew, with nothing kept. Raises ConfigException."""
        self._stopping.listen()
        _freeze_what_stays()
        sys.setswitchinterval(GIVE_WAY)
        with contextlib.suppress(StoppedError):
            while reason := await self._term():
                self._metrics.rest()
                self.readiness = partial(Readiness, False, reason)
                pause = self._options.begin_anew.after(self._failures) if self._failures else 0.0
                logger.warning("%s; beginning anew%s", reason, f" in {pause:.0f} s" if pause else "")
                await self._stopping.unless(asyncio.sleep(pause))

    async def _term(self) -> str:
        """Keep KotsApps true until told to end; why it must be begun anew, empty when it must not."""
        options, metrics, workers = self._options, self._metrics, Workers(self._options.default_account)
        fence = Fence() if options.election else None
        async with contextlib.AsyncExitStack() as stack:
            prober = await stack.enter_async_context(
                Prober(options.registries, metrics=metrics.probes, allow_private=options.allow_private)
            )
            web = await stack.enter_async_context(
                Web(options.registries, allow_private=options.allow_private, observe=metrics.probes.requested)
            )
            helm = options.settings.helm
            reader = await stack.enter_async_context(reading(RENDER_JOBS, [str(helm)] if helm else []))
            lost = await stack.enter_async_context(self._leading(fence))
            # What a follower knew of the cluster would be old by now.
            client, connection = await self._stopping.unless(_connected(fence))
            stack.push_async_callback(connection.close)
            await self._stopping.unless(_served(client))
            logger.info("kotsapp-operator %s on Kubernetes %s", __version__, client.server_version)
            cache = OwnedObjects((NAMESPACE_LABEL, NAME_LABEL), PRUNE_ANNOTATION, workers.wake)
            workers.watch_with(ReferenceWatch(client, workers.wake_users, workers.wake_namespace))
            metrics.show(lambda: len(workers), lambda: len(cache), lambda: fence is None or fence.seconds > 0)
            pods = PodWatches(workers.wake)
            workers.watch_pods_with(pods)
            services = Services(
                *(client, cache, reader, prober, Fetcher(web), options.keys, options.settings),
                *(metrics.reconcile, pods, PolicyLook(client), workers.follow),
            )
            watch = AppWatch(client, sorted(options.settings.namespaces), workers.versions)
            lost.add_done_callback(lambda _: watch.over.set())
            self.readiness = lambda: _watching(watch)
            failed = await self._keep(handlers.register(services, workers, Login(connection, watch.middleware)), watch)
            if self._stopping.requested.is_set():
                return ""
            return (lost.result() if lost.done() else failed) or watch.reason or "the watch of KotsApps ended"

    @contextlib.asynccontextmanager
    async def _leading(self, fence: Fence | None) -> AsyncIterator["asyncio.Future[str]"]:
        """Wait until this replica leads; yields what is done, with the reason, when it does no more."""
        if fence is None or self._options.election is None:
            yield asyncio.get_running_loop().create_future()
            return
        connection = await Connection.open(AGENT)
        try:
            where = self._options.election
            lease = ApiLease(connection, where.namespace or connection.namespace, where.name)
            elector = Elector(lease, self._identity, fence, seen=self._seen)
            self.readiness = lambda: _following(elector)
            await self._stopping.unless(elector.lead())
            self.readiness = partial(Readiness, False, NOT_YET)
            keeping = asyncio.ensure_future(elector.keep())
            try:
                yield keeping
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
                await elector.release()
                self._seen = elector.seen
        finally:
            await connection.close()

    async def _keep(self, registry: kopf.OperatorRegistry, watch: AppWatch) -> str:
        """Kopf, until the watch is over or the process told to end; what it died of, empty when it did not."""
        namespaces = sorted(self._options.settings.namespaces)
        others = _Others(asyncio.all_tasks())
        try:
            tasks = await kopf.spawn_tasks(
                registry=registry,
                settings=handlers.settings(self._options.error_backoffs),
                identity=cast("Any", self._identity),
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
                stop_flag=watch.over,
            )
            self._stopping.listen(watch.over)  # Kopf has taken the signals, and would serve nobody with them in its end
            await kopf.run_tasks(tasks, ignored=others)
        except Exception as error:  # whatever it is, KotsApps are watched again after a while
            logger.debug("Kopf ended", exc_info=error)
            self._failures = 1 if watch.stood else self._failures + 1
            return f"the watch of KotsApps ended: {_cause(error)}"
        self._failures = 0
        return ""


class _Others(set["asyncio.Task[Any]"]):
    """Tasks that are not Kopf's: in its end it waits five seconds for every other one, and cancels it.

    Those that serve /metrics and probes come and go; waiting for them would hold up who leads next.
    """

    def __contains__(self, task: object) -> bool:
        serves = isinstance(task, asyncio.Task) and "RequestHandler." in getattr(task.get_coro(), "__qualname__", "")
        return serves or super().__contains__(task)


def _freeze_what_stays() -> None:
    """Keep the garbage collector from what was imported, which stays for good: a full collection went through all of it
    in one go, a tenth of a second in which nobody's app was worked on, whenever somebody applied many objects."""
    gc.collect()
    gc.freeze()


def identity() -> str:
    """What distinguishes this process from every other operator: its pod's name, else its host's, and a suffix of its
    own.

    Kopf would ask for the user's name, and the image's user has none: in a container only a number is sure.
    """
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}-{secrets.token_hex(4)}"


def _watching(watch: AppWatch) -> Readiness:
    problem = watch.problem()
    return Readiness(True) if problem is None else Readiness(False, problem)


def _following(elector: Elector) -> Readiness:
    problem = elector.problem()
    if problem is not None:
        return Readiness(False, problem)
    return Readiness(True, f"follower of {elector.holder}") if elector.holder else Readiness(False, NOT_YET)


def _cause(error: BaseException) -> str:
    """One line: Kopf's errors carry whole answers beside their messages."""
    said = getattr(error, "message", None) or error
    return " ".join(f"{type(error).__name__}: {said}".split())[:MAX_CAUSE]


async def _connected(fence: Fence | None) -> tuple[KubeClient, Connection]:
    """Wait for an API server that answers: it may just be starting, and refuse everybody for a moment."""
    while True:
        try:
            return await connect(AGENT, fence=fence)
        except ApiError as error:
            logger.warning("%s; trying again", error)
            await asyncio.sleep(API_POLL)


async def _served(client: KubeClient) -> None:
    """Wait for the resource's definition: Kopf would never notice that it came later."""
    while True:
        try:
            await client.resource_type(API_VERSION, KIND)
        except UnknownKindError:
            logger.warning("CustomResourceDefinition kotsapps.kotsapp.dev is not installed; waiting for it")
            await asyncio.sleep(CRD_POLL)
        except ApiError as error:
            logger.warning("%s; trying again", error)
            await asyncio.sleep(API_POLL)
        else:
            return

"""Everything that a reconciliation talks to, made once for the whole operator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.lending import Lent
from kotsapp.aside import Aside
from kotsapp.kube.client import KubeClient
from kotsapp.license import VERSIONS, Policy, TrustedKeys
from kotsapp.pods.installed import PolicyLook
from kotsapp.pods.watch import PodWatches
from kotsapp.reconcile.app import App
from kotsapp.reconcile.limiter import Limiter
from kotsapp.reconcile.metrics import Metrics
from kotsapp.reconcile.shares import Shares
from kotsapp.release.process import Reader
from kotsapp.sources.fetcher import Fetcher
from kotsapp.verdicts.prober import Prober

# Reconciliations at work at once: the bound keeps a restart with many apps from reading and applying all of them at the
# same moment. What waits for a registry is not at work, or one tenant's silent registries would stop all others.
MAX_RECONCILIATIONS = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """The administrator's choices. ``namespaces`` is empty for the whole cluster; ``lent`` says to what the operator's
    own rights are lent; ``license_versions`` are the versions of the License document that are taken."""

    namespaces: frozenset[str] = frozenset()
    lent: Lent = Lent.WORKLOADS
    license_policy: Policy = Policy.ENFORCE
    license_versions: frozenset[str] = VERSIONS
    helm: Path | None = None


class InputServices(Protocol):
    """What reading a KotsApp's inputs takes: so little that a person's own client will do."""

    @property
    def client(self) -> KubeClient: ...
    @property
    def keys(self) -> TrustedKeys: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def follow(self) -> Callable[[App, frozenset[tuple[str, str]]], Awaitable[None]]: ...


@dataclass(frozen=True, slots=True)
class Services:
    """``fetcher`` looks at sources outside the cluster. ``follow`` makes the app wake when something of its namespace
    that it names changes, by kind and name."""

    client: KubeClient
    cache: OwnedObjects
    reader: Reader
    prober: Prober
    fetcher: Fetcher
    keys: TrustedKeys
    settings: Settings
    metrics: Metrics
    pods: PodWatches
    policies: PolicyLook
    follow: Callable[[App, frozenset[tuple[str, str]]], Awaitable[None]]
    limiter: Limiter = field(default_factory=lambda: Limiter(MAX_RECONCILIATIONS))
    shares: Shares = field(default_factory=Shares)
    aside: Aside = field(default_factory=Aside)

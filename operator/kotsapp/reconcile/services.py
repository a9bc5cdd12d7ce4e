"""Everything that a reconciliation talks to, made once for the whole operator."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from kotsapp.cluster.client import KubeClient
from kotsapp.cluster.owned import OwnedObjects
from kotsapp.license import Policy, TrustedKeys
from kotsapp.reconcile.app import App
from kotsapp.reconcile.metrics import Metrics
from kotsapp.registry.prober import Prober

# Reconciliations under way at once. Most of one is waiting for registries and the API server; the bound keeps a
# restart with many apps from asking all of them for everything at the same moment.
MAX_RECONCILIATIONS = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """The administrator's choices. ``namespaces`` is empty for the whole cluster."""

    namespaces: frozenset[str] = frozenset()
    license_policy: Policy = Policy.ENFORCE
    helm: Path | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """``follow`` makes the app wake when a Secret or ConfigMap that it names changes."""

    client: KubeClient
    owned: OwnedObjects
    prober: Prober
    keys: TrustedKeys
    settings: Settings
    metrics: Metrics
    follow: Callable[[App, frozenset[tuple[str, str]]], Awaitable[None]]
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_RECONCILIATIONS))

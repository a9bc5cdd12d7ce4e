"""What the operator remembers of an app between reconciliations; all of it may be lost at a restart."""

from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from kotsapp.apply.repair_backoff import RepairHistory
from kotsapp.pods.restart import History
from kotsapp.reconcile.verdict_history import VerdictHistory
from kotsapp.redact import Redactor
from kotsapp.release.deaths import Deaths
from kotsapp.release.store import StoredRelease


@dataclass(slots=True)
class PodsMemory:
    """Of pods that others make: what was deleted, and since when an image is known to be routed."""

    history: History = field(default_factory=History)
    routed_at: dict[str, datetime] = field(default_factory=dict)
    is_first: bool = True


@dataclass(slots=True)
class Memory:
    """Changed by the Reconciler alone.

    ``refresh`` is a fresh look at the images that was asked for and not taken yet, the one before
    it was at ``refreshed_at`` on the loop's clock; ``release`` is the one that was rendered or read last;
    ``deaths`` are those of its readers; ``may_impersonate`` is the account as which the operator
    may act.
    ``redactor`` knows what may be in no message about the app.
    """

    verdicts: VerdictHistory | None = None
    refresh: bool = False
    refreshed_at: float = -inf
    deaths: Deaths | None = None
    release: StoredRelease | None = field(default=None, repr=False)
    rollout_started: float | None = None
    repairs: RepairHistory = field(default_factory=RepairHistory)
    may_impersonate: str = ""
    pods: PodsMemory = field(default_factory=PodsMemory)
    redactor: Redactor = field(default_factory=Redactor, repr=False)

"""What the operator remembers of an app between reconciliations; all of it may be lost at a restart."""

from dataclasses import dataclass, field
from math import inf

from kotsapp.apply.repair_backoff import RepairHistory
from kotsapp.pods.restart import History
from kotsapp.reconcile.events import Event
from kotsapp.reconcile.release_store import Revision
from kotsapp.reconcile.shares import Size
from kotsapp.reconcile.verdict_history import VerdictHistory
from kotsapp.redact import Redactor
from kotsapp.release.deaths import Deaths
from kotsapp.release.store import StoredRelease
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.errors import SourceError
from kotsapp.sources.kept import Entry


@dataclass(slots=True)
class SourceMemory:
    """Of the sources outside the cluster; changed by RemoteSources alone.

    ``asked`` is for what they were looked at last, ``due`` when they are to be looked at again, on the loop's clock;
    ``ask_now`` says that somebody asks for it. ``entries`` is what is kept in the cluster, None before that was read;
    ``artifacts`` are those whose content is at hand; ``found`` are events of new ones,
    not posted yet. ``problems`` are those of the last look. ``awaits_ready`` is the
    revision that has to be Ready before the next one is fetched, ``followed`` the one at which that was done at once,
    ``was_ready`` the one that was well, so that the next one may follow.
    """

    asked: object = None
    ask_now: bool = False
    due: float = -inf
    failures: int = 0
    entries: dict[str, Entry] | None = None
    artifacts: dict[str, Artifact] = field(default_factory=dict, repr=False)
    found: list[Event] = field(default_factory=list)
    problems: dict[str, SourceError] = field(default_factory=dict)
    awaits_ready: str = ""
    followed: str = ""
    was_ready: str = ""
    rolling_out: str = ""


@dataclass(slots=True)
class Memory:
    """Changed by the Reconciler alone.

    ``refresh`` is a fresh look at the images that was asked for and not taken yet, the one before it was at
    ``refreshed_at`` on the loop's clock; ``rerendered_at`` is when a new rendering that was asked for was last begun;
    ``release`` is the one that was rendered or read last; ``at_hand`` is it, packed, while nothing is to be done about
    the app, where it is small, and ``at_hand_of`` the stored revision that it was read from, if it was;
    ``deaths`` are those of its readers; ``may_impersonate`` is the account as which the operator
    may act.
    ``redactor`` knows what may be in no message about the app; ``size`` is how much it held last.
    """

    verdicts: VerdictHistory | None = None
    refresh: bool = False
    refreshed_at: float = -inf
    rerendered_at: float = -inf
    deaths: Deaths | None = None
    release: StoredRelease | None = field(default=None, repr=False)
    at_hand: bytes | None = field(default=None, repr=False)
    at_hand_of: Revision | None = None
    rollout_started: float | None = None
    repairs: RepairHistory = field(default_factory=RepairHistory)
    may_impersonate: str = ""
    restarts: History = field(default_factory=History)
    redactor: Redactor = field(default_factory=Redactor, repr=False)
    sources: SourceMemory = field(default_factory=SourceMemory)
    size: Size = Size.MEDIUM

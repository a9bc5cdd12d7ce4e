"""A slot to ask for one image in: on what terms, at which host, and what came of it."""

import contextlib
from dataclasses import dataclass, field

from kotsapp.fair_queue import NOBODY, FairQueue, Tenant
from kotsapp.images.reference import Reference
from kotsapp.registry.evidence import Evidence, NoAnswer, Trouble
from kotsapp.registry.host_state import HostPause
from kotsapp.registry.limits import REGISTRY_SHARE
from kotsapp.registry.puller import HostKnowledge


@dataclass(frozen=True, slots=True)
class Terms:
    """How an image is asked for: ``timeout`` seconds for all of it, on whose behalf, and with ``refresh`` in spite of
    a pause that began before."""

    timeout: float
    refresh: bool = False
    tenant: Tenant = NOBODY


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question. ``requests`` 0 and ``elapsed`` 0.0 when the host was paused and nothing was asked.

    ``pause`` is the seconds for which the host is now left alone; ``elapsed`` counts from when it had its slot.
    """

    outcome: Evidence | NoAnswer
    requests: int = 0
    elapsed: float = 0.0
    pause: float = 0.0
    paused: bool = False

    @property
    def queued(self) -> bool:
        """Whether the time was over for want of a slot: that says nothing of the registry."""
        return isinstance(self.outcome, NoAnswer) and self.outcome.trouble is Trouble.QUEUED


@dataclass(slots=True)
class Host:
    """One registry as all its images share it."""

    slots: FairQueue
    doubtful: FairQueue
    pause: HostPause
    known: HostKnowledge = field(default_factory=HostKnowledge)
    users: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """One image's slot among all that are asked. ``called`` is on the monotonic clock; ``waited`` are the seconds
    that it waited for the slot, ``late`` says that it has none: the time was over."""

    reference: Reference
    terms: Terms
    called: float
    waited: float
    late: bool
    host: Host
    leading: contextlib.AsyncExitStack

    @property
    def left(self) -> float:
        """Seconds for the registry."""
        return max(self.terms.timeout - self.waited, self.terms.timeout * REGISTRY_SHARE)

    def queued(self, at: str, waited: float, asked: float = 0.0) -> NoAnswer:
        """What is said when the wait for a slot took the time: ``waited`` seconds, and ``asked`` were the host's."""
        if asked:
            message = f"did not answer within {asked:.2g} s, after {waited:.2g} s of waiting for a place"
        else:
            message = f"was not asked yet: waited {waited:.2g} s for a place, which images of this or other apps have"
        return NoAnswer(Trouble.QUEUED, at, message)

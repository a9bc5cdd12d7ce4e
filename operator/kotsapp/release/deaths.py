"""When an app's release is given up: its reader died, for the same inputs, as often as is tried (DESIGN 6.6). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Once may be another's fault: the pod's memory, a slow moment.
MAX_DEATHS = 2


@dataclass(frozen=True, slots=True)
class Deaths:
    """How often the reader of some inputs died, and what of, for people. ``fingerprint`` identifies the inputs."""

    fingerprint: str
    count: int
    reason: str

    @property
    def too_expensive(self) -> bool:
        """Whether the inputs are not read again before they change."""
        return self.count >= MAX_DEATHS

    @property
    def message(self) -> str:
        return f"{self.reason}, {self.count} times for the same sources; it is read again when they change"

    def to_status(self) -> dict[str, Any]:
        """As it is kept over a restart; the fingerprint is a digest, and says nothing of the inputs."""
        return {"fingerprint": self.fingerprint, "count": self.count, "reason": self.reason}

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> "Deaths | None":
        """None for nothing, and for what somebody else wrote there."""
        values = status or {}
        fingerprint, count, reason = values.get("fingerprint"), values.get("count"), values.get("reason")
        if isinstance(fingerprint, str) and isinstance(count, int) and isinstance(reason, str):
            return cls(fingerprint, count, reason)
        return None


def of(previous: Deaths | None, fingerprint: str) -> Deaths | None:
    """What is known of these inputs; what was known of others no longer counts."""
    return previous if previous is not None and previous.fingerprint == fingerprint else None


def one_more(previous: Deaths | None, fingerprint: str, reason: str) -> Deaths:
    known = of(previous, fingerprint)
    return Deaths(fingerprint, (known.count if known else 0) + 1, reason)

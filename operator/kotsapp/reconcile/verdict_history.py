"""What was found about an app's images before: by an earlier operator, as status tells, and for what it can't hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from kotsapp.images.reference import Reference
from kotsapp.reconcile.status import MAX_IMAGES, Report
from kotsapp.verdicts.decision import Ground, Previous, Settled
from kotsapp.verdicts.verdict import ProbeResult, Verdict


@dataclass(slots=True)
class Earlier:
    """Findings by reference as written; ``found_at`` is on the monotonic clock, later than any of ``entries`` was."""

    entries: Mapping[str, Mapping[str, Any]]
    found_at: float
    beyond_status: dict[str, Previous] = field(default_factory=dict)

    @classmethod
    def of(cls, report: Report) -> "Earlier":
        """By the status that an operator finds as it starts; a time in the future is nobody's."""
        last = report.last_probe
        age = (datetime.now(UTC) - last).total_seconds() if last is not None else -1.0
        return cls(report.image_entries() if age >= 0 else {}, monotonic() - age)

    def forget(self) -> None:
        """Everything is to be asked anew."""
        self.entries = {}

    def known(self, reference: Reference, interval: float) -> ProbeResult | None:
        """The verdict, while it is younger than ``interval`` seconds: it needn't be asked for again."""
        entry = self.entries.get(reference.written)
        if entry is None or monotonic() - self.found_at >= interval or previous_in(entry) is None:
            return None
        return ProbeResult(
            reference.written,
            Verdict(str(entry["verdict"])),
            str(entry.get("message") or ""),
            entry.get("httpStatus"),
            entry.get("code"),
            host=reference.host,
            cached=True,
        )

    def note(self, settled: Sequence[Settled]) -> None:
        """Remember the evidence of an app that has more images than its status holds."""
        if len(settled) > MAX_IMAGES:
            self.beyond_status = {s.image: Previous(s.verdict, s.http_status, s.code) for s in settled if _is_found(s)}


def previous_in(entry: Mapping[str, Any] | None) -> Previous | None:
    """The last decisive verdict that an entry of status tells; one that was not probed is no evidence, such as that
    every image is private because spec.proxy.publicImages says so."""
    if entry is None or entry.get("verdict") not in (Verdict.PUBLIC, Verdict.PRIVATE) or not entry.get("httpStatus"):
        return None
    return Previous(Verdict(str(entry["verdict"])), entry.get("httpStatus"), entry.get("code"))


def _is_found(settled: Settled) -> bool:
    return settled.ground in (Ground.VERDICT, Ground.PREVIOUS) and bool(settled.http_status)

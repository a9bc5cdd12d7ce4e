"""What was found about an app's images before: by an earlier operator, as in status, and for what it can't hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from kotsapp.images.reference import Reference
from kotsapp.reconcile.status import MAX_IMAGES
from kotsapp.text import parse_rfc3339
from kotsapp.verdicts.decision import Basis, Previous, Resolution
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.resolver import Evidence
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified


@dataclass(frozen=True, slots=True)
class VerdictHistory:
    """Findings by reference as written; ``found_at`` is on the monotonic clock, later than any of ``entries`` was.

    ``beyond_status`` is the evidence of an app that has more images than its status holds.
    """

    entries: Mapping[str, Mapping[str, Any]]
    found_at: float
    beyond_status: Mapping[str, Previous] = field(default_factory=dict)

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "VerdictHistory":
        """By the status that an operator finds as it starts; a time in the future is nobody's."""
        last = parse_rfc3339(status.get("lastProbeTime"))
        age = (datetime.now(UTC) - last).total_seconds() if last is not None else -1.0
        return cls(image_entries(status) if age >= 0 else {}, monotonic() - age)

    def forgotten(self) -> "VerdictHistory":
        """Everything is to be asked anew; the last decisive verdicts stay evidence."""
        return replace(self, entries={})

    def noted(self, resolutions: Sequence[Resolution]) -> "VerdictHistory":
        """With what was found now, where the status can't hold all of it."""
        if len(resolutions) <= MAX_IMAGES:
            return self
        found = {s.image: Previous(s.verdict, s.http_status, s.code) for s in resolutions if _is_found(s)}
        return replace(self, beyond_status=found)

    def evidence(
        self,
        references: Sequence[Reference],
        status: Mapping[str, Any],
        max_age: float,
        *,
        refresh: bool,
        same_license: bool = False,
    ) -> Evidence:
        """What is known of these images: by ``status`` as it is now, and from before. ``max_age`` is in seconds.

        With the ``same_license`` as in the status, so are its proofs.
        """
        entries = image_entries(status)
        fresh, previous = {}, {}
        for reference in references:
            known = self._fresh(reference, max_age)
            if known is not None:
                fresh[reference.written] = known
            last = previous_in(entries.get(reference.written)) or self.beyond_status.get(reference.written)
            if last is not None:
                previous[reference.written] = last
        return Evidence(fresh, previous, refresh, proved_in(entries.values()) if same_license else frozenset())

    def _fresh(self, reference: Reference, max_age: float) -> ProbeResult | None:
        """The verdict, while it is younger than ``max_age``: it needn't be asked for again."""
        entry = self.entries.get(reference.written)
        if entry is None or monotonic() - self.found_at >= max_age or previous_in(entry) is None:
            return None
        return ProbeResult(
            reference.written,
            Verdict(str(entry["verdict"])),
            str(entry.get("message") or ""),
            http_status=entry.get("httpStatus"),
            code=entry.get("code"),
            host=reference.host,
            cached=True,
        )


def image_entries(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The images in a status, by reference as written."""
    return {str(entry.get("image")): entry for entry in status.get("images") or ()}


def proved_in(entries: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """References that the license was shown to pull, as pods use them."""
    return frozenset(str(entry.get("pull")) for entry in entries if entry.get("verified") == Verified.TRUE)


def previous_in(entry: Mapping[str, Any] | None) -> Previous | None:
    """The last decisive verdict in an entry of status; one that was not probed is no evidence, such as that
    every image is private because spec.proxy.publicImages says so."""
    if entry is None or entry.get("verdict") not in (Verdict.PUBLIC, Verdict.PRIVATE) or not entry.get("httpStatus"):
        return None
    return Previous(Verdict(str(entry["verdict"])), entry.get("httpStatus"), entry.get("code"))


def _is_found(resolution: Resolution) -> bool:
    return resolution.basis in (Basis.VERDICT, Basis.PREVIOUS) and bool(resolution.http_status)

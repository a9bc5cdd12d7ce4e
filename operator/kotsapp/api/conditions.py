"""Conditions by the rules of kstatus and Flux.

Ready is always there; Reconciling and Stalled are there only while True, never both, never with Ready True; Suspended
is there only while True.
``lastTransitionTime`` moves only with a condition's status.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kotsapp.regexes import regex
from kotsapp.text import shortened

MAX_MESSAGE = 4096
# What a person reads in a table; the whole is in the condition that it is about.
MAX_READY_MESSAGE = 300
MAX_COMMAND = 200
_BEFORE_COMMAND = regex(r"[.;,] (?=[^.;,]*(?:kubectl|helm upgrade) )")

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
SUSPENDED = "Suspended"
LICENSE_VALID = "LicenseValid"
SOURCES_READY = "SourcesReady"
IMAGES_RESOLVED = "ImagesResolved"
IMAGES_PULLABLE = "ImagesPullable"
PULL_SECRET_READY = "PullSecretReady"  # noqa: S105 - a condition type
PODS_ROUTED = "PodsRouted"
WORKLOADS_APPLIED = "WorkloadsApplied"
WORKLOADS_HEALTHY = "WorkloadsHealthy"

_ORDER = (
    READY,
    RECONCILING,
    STALLED,
    SUSPENDED,
    LICENSE_VALID,
    SOURCES_READY,
    IMAGES_RESOLVED,
    IMAGES_PULLABLE,
    PULL_SECRET_READY,
    PODS_ROUTED,
    WORKLOADS_APPLIED,
    WORKLOADS_HEALTHY,
)


class Status(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a condition is what it is. License and manifest errors bring reasons of their own."""

    SUCCEEDED = "ReconciliationSucceeded"
    PROGRESSING = "Progressing"
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
    INVALID_SPEC = "InvalidSpec"
    LICENSE_NOT_FOUND = "LicenseNotFound"
    LICENSE_EXPIRED = "LicenseExpired"
    LICENSE_EXPIRING_SOON = "LicenseExpiringSoon"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    MANIFESTS_NOT_FOUND = "ManifestsNotFound"
    MANIFESTS_CHANGED = "ManifestsChanged"
    INVALID_MANIFEST = "InvalidManifest"
    HELM_MISSING = "HelmMissing"
    TOO_EXPENSIVE = "TooExpensive"
    RENDER_FAILED = "RenderFailed"
    CONFIG_INCOMPLETE = "ConfigIncomplete"
    INVALID_IMAGE = "InvalidImage"
    IMAGES_UNDECIDED = "ImagesUndecided"
    IMAGES_NOT_PULLABLE = "ImagesNotPullable"
    UNVERIFIED = "Unverified"
    PULL_SECRET_CLASH = "PullSecretClash"  # noqa: S105 - a reason
    POLICY_UNSUPPORTED = "PolicyUnsupported"
    POLICY_MISSING = "PolicyMissing"
    NAMESPACE_NOT_LABELLED = "NamespaceNotLabelled"
    HOST_NOT_VOUCHED = "HostNotVouched"
    TOO_MANY_IMAGES = "TooManyImages"
    PODS_NOT_WATCHED = "PodsNotWatched"
    OBJECT_REFUSED = "ObjectRefused"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    IMPERSONATION_FORBIDDEN = "ImpersonationForbidden"
    OBJECT_CLAIMED = "ObjectClaimed"
    APPLY_FAILED = "ApplyFailed"
    PRUNE_FAILED = "PruneFailed"
    CLEANUP_FAILED = "CleanupFailed"
    FIELD_CONTESTED = "FieldContested"
    API_UNAVAILABLE = "APIServerUnavailable"
    WORKLOADS_UNHEALTHY = "WorkloadsUnhealthy"
    INTERNAL_ERROR = "InternalError"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: Status
    reason: str
    message: str

    @classmethod
    def true(cls, type_: str, message: str, reason: str = Reason.SUCCEEDED) -> "Condition":
        return cls(type_, Status.TRUE, reason, message)

    @classmethod
    def false(cls, type_: str, reason: str, message: str) -> "Condition":
        return cls(type_, Status.FALSE, reason, message)

    @classmethod
    def unknown(cls, type_: str, reason: str, message: str) -> "Condition":
        return cls(type_, Status.UNKNOWN, reason, message)


def succeeded(message: str) -> list[Condition]:
    return [Condition.true(READY, message)]


def progressing(message: str) -> list[Condition]:
    """Working, and nothing is known to be wrong."""
    return [
        Condition.unknown(READY, Reason.PROGRESSING, message),
        Condition.true(RECONCILING, message, Reason.PROGRESSING),
    ]


def retrying(reason: str, message: str) -> list[Condition]:
    """Something is wrong that may pass by itself: it is tried again, with backoff."""
    return [
        Condition.false(READY, reason, message),
        Condition.true(RECONCILING, message, Reason.PROGRESSING_WITH_RETRY),
    ]


def stalled(reason: str, message: str) -> list[Condition]:
    """Something is wrong that a person must fix; it is taken up again when an input changes."""
    return [Condition.false(READY, reason, message), Condition.true(STALLED, message, reason)]


def failed(reason: str, message: str) -> list[Condition]:
    """The work is done, and the app is not well: nothing is tried again, and no input is at fault."""
    return [Condition.false(READY, reason, message)]


def is_done(conditions: Iterable[Condition]) -> bool:
    """Whether this generation is done with, so that the root observedGeneration may follow."""
    return not any(c.type == RECONCILING and c.status is Status.TRUE for c in conditions)


def in_order(conditions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Conditions as the API stores them, in the order in which a person reads them; unknown types last."""
    places = {type_: place for place, type_ in enumerate(_ORDER)}
    return sorted(map(dict, conditions), key=lambda c: places.get(str(c.get("type")), len(_ORDER)))


def condition_in(status: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    """The condition of this type in a status, None without one."""
    return next((c for c in status.get("conditions") or () if c.get("type") == type_), None)


def merge(
    before: Sequence[Mapping[str, Any]], conditions: Sequence[Condition], generation: int, now: str
) -> list[dict[str, Any]]:
    """The conditions as the API stores them; ``now`` is RFC 3339 and used only where a status changed."""
    known = {c.get("type"): c for c in before}
    merged = []
    for condition in sorted(conditions, key=lambda c: _ORDER.index(c.type)):
        old = known.get(condition.type)
        same = old is not None and old.get("status") == condition.status
        merged.append(
            {
                "type": condition.type,
                "status": str(condition.status),
                "reason": str(condition.reason),
                "message": _bounded(condition, conditions),
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same and old is not None else now,
            }
        )
    return merged


def _bounded(condition: Condition, conditions: Sequence[Condition]) -> str:
    """The message; that of Ready ends, where it is long, with the condition that has the whole."""
    message = condition.message
    if condition.type == READY and condition.status is Status.TRUE and _sources_are_old(conditions):
        # Ready is about what runs; that something else may be wanted by now is said beside it (docs/sources.md).
        message += "; made from what was fetched last, since a source can't be had: see condition SourcesReady"
    if condition.type != READY or len(message) <= MAX_READY_MESSAGE:
        return shortened(message, MAX_MESSAGE)
    others = sorted((c for c in conditions if c.type != READY), key=lambda c: c.type in (RECONCILING, STALLED))
    whole = next(
        (c.type for c in others if message in c.message or c.message.endswith(message[-MAX_READY_MESSAGE:])), None
    )
    more = f" ... (the whole: condition {whole})" if whole else " ..."
    what_to_do = (message[found.end() :] for found in _BEFORE_COMMAND.finditer(message))
    if command := next((text for text in what_to_do if len(text) <= MAX_COMMAND), ""):
        more += f"; {command.removeprefix('or ')}"  # worth more than the rest of what is wrong
    return _cut(message, MAX_READY_MESSAGE - len(more)) + more


def _sources_are_old(conditions: Iterable[Condition]) -> bool:
    return any(c.type == SOURCES_READY and c.status is Status.FALSE for c in conditions)


def _cut(text: str, most: int) -> str:
    """At most so many characters of the text, which is longer, and no part of a word unless that is very long."""
    words = text[: most + 1].rpartition(" ")[0]
    return (words if len(words) > most // 2 else text[:most]).rstrip(" ,;:")

"""``status`` of a KotsApp: a pure function of the status that is there and of what the steps found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.api.conditions import (
    READY,
    RECONCILING,
    STALLED,
    SUSPENDED,
    Condition,
    Reason,
    condition_in,
    in_order,
    is_done,
    merge,
    stalled,
)
from kotsapp.apply.inventory import Inventory
from kotsapp.health.assess import Health, WorkloadState
from kotsapp.images.routing import Route
from kotsapp.images.unhandled import UnhandledImage
from kotsapp.kube.objects import ObjectKey
from kotsapp.names import OF_PODS
from kotsapp.verdicts.decision import Basis, Resolution
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

Status = Mapping[str, Any]
# The API server stores at most 1.5 MiB of one object, and an entry can take 1 KiB.
MAX_IMAGES = 500
MAX_WORKLOADS = 500
MAX_UNHANDLED = 50
MAX_USERS = 20
MAX_IMAGE_MESSAGE = 512
# Of status.release: which release of its channel it is.
VERSION_FIELDS = ("versionLabel", "channelSequence")
SUSPENDED_MESSAGE = "spec.suspend is true: nothing is probed, applied or repaired"

_WORST_FIRST = {
    Verdict.ERROR: 0,
    Verdict.UNREACHABLE: 0,
    Verdict.RATE_LIMITED: 0,
    Verdict.NOT_FOUND: 0,
    Verdict.PENDING: 0,
    Verdict.PRIVATE: 2,
    Verdict.REPLICATED: 3,
    Verdict.PROXIED: 3,
    Verdict.EXCLUDED: 4,
    Verdict.PUBLIC: 5,
}
FAILED_READS = "failedReads"
_STATES_WORST_FIRST = (
    WorkloadState.MISSING,
    WorkloadState.UNAVAILABLE,
    WorkloadState.DEGRADED,
    WorkloadState.UPDATING,
    WorkloadState.READY,
)


@dataclass(frozen=True, slots=True)
class ImageFindings:
    """All images, resolved ``at`` a time (RFC 3339), with who uses each; ``verified``: the proxy was asked, too.

    ``notes`` is what else is to be said of an image. ``unhandled`` look like images and are left as they are.
    ``of_pods`` are those of pods that others make, which no manifest names.
    """

    resolutions: tuple[Resolution, ...]
    users: Mapping[str, Sequence[str]]
    verified: bool
    at: str
    notes: Mapping[str, str] = field(default_factory=dict)
    unhandled: Sequence[UnhandledImage] = ()
    of_pods: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the steps of one reconciliation found, as far as it came; what is None is carried from before.

    ``license`` are the license's facts, ``release`` those of the stored release (empty for one that needn't be stored),
    ``version`` which release of its channel is rolled out (empty for none), ``available`` newer ones, and ``config``
    the names of the Config's items, as status has them (``config`` is empty for a release without one); ``answered``
    are requests that were acted on, by the status field of each; ``failed_reads`` counts readers that died (empty for
    none); ``obsolete`` are conditions that no longer apply. ``pods`` is what the admission policy reads, empty where
    it is to route nothing.
    """

    license: Mapping[str, Any] | None = None
    release: Mapping[str, Any] | None = None
    version: Mapping[str, Any] | None = None
    available: Sequence[Mapping[str, Any]] | None = None
    config: Mapping[str, Any] | None = None
    sources: Sequence[Mapping[str, str]] | None = None
    images: ImageFindings | None = None
    pods: Mapping[str, Any] | None = None
    workloads: Mapping[ObjectKey, Health] | None = None
    answered: Mapping[str, str] = field(default_factory=dict)
    failed_reads: Mapping[str, Any] | None = None
    conditions: tuple[Condition, ...] = ()
    obsolete: frozenset[str] = frozenset()


def build(previous: Status, findings: Findings, inventory: Inventory, generation: int, now: str) -> dict[str, Any]:
    """The whole status. ``now`` is RFC 3339; it is used only where something changed.

    Ready, Reconciling and Stalled are among ``findings.conditions``; of each type the last one counts.
    """
    status = {name: value for name, value in previous.items() if name not in ("conditions", "inventory", "release")}
    if findings.license is not None:
        status["license"] = reported_license(findings.license)
    status |= _release(previous, findings)
    if findings.available is not None:
        status.pop("availableReleases", None)
        status |= {"availableReleases": [dict(one) for one in findings.available]} if findings.available else {}
    if findings.config is not None:
        status.pop("config", None)
        status |= {"config": dict(findings.config)} if findings.config else {}
    if findings.failed_reads is not None:
        status.pop(FAILED_READS, None)
        status |= {FAILED_READS: dict(findings.failed_reads)} if findings.failed_reads else {}
    if findings.sources is not None:
        status["sources"] = [dict(source) for source in findings.sources]
    if findings.images is not None:
        status.pop("unhandledImages", None)
        status |= _images(previous, findings.images) | _unhandled(findings.images.unhandled)
    if findings.pods is not None:
        status.pop("pods", None)
        status |= {"pods": dict(findings.pods)} if findings.pods else {}
    if findings.workloads is not None:
        status["workloads"] = _workloads(findings.workloads)
    status |= findings.answered
    conditions = list({condition.type: condition for condition in findings.conditions}.values())
    known = {c.type for c in conditions} | findings.obsolete | {RECONCILING, STALLED, SUSPENDED}
    before = previous.get("conditions") or ()
    carried = [dict(condition) for condition in before if condition.get("type") not in known]
    status["conditions"] = merge(before, conditions, generation, now) + carried
    status["inventory"] = inventory.to_status()
    if is_done(conditions):
        status["observedGeneration"] = generation
    return status


def suspended(previous: Status, generation: int, now: str) -> dict[str, Any]:
    """The status of an app that is left alone: what was last true of it, and that nobody works on it (DESIGN 9).

    The root observedGeneration follows, since this generation asks for nothing else: by kstatus an app that was Ready
    is Current, and nobody waits for it. One that was not Ready is Stalled, since it won't become so before a person
    acts: whoever waits sees it at once, where Reconciling would have them wait until their timeout. Ready keeps the
    generation for which it was found, so that ``kubectl wait`` doesn't take it for an answer about this one.
    """
    before = previous.get("conditions") or ()
    found = [Condition.true(SUSPENDED, SUSPENDED_MESSAGE, Reason.SUSPENDED)]
    ready = condition_in(previous, READY)
    if ready is None:
        found += stalled(Reason.SUSPENDED, "suspended before it was rolled out for the first time")
    elif ready.get("status") != "True" and condition_in(previous, STALLED) is None:
        found += stalled(Reason.SUSPENDED, f"suspended while {ready.get('reason')}: {ready.get('message')}")
    replaced = {condition.type for condition in found} | {RECONCILING}
    carried = [condition for condition in before if condition.get("type") not in replaced]
    conditions = in_order([*merge(before, found, generation, now), *carried])
    return {**previous, "conditions": conditions, "observedGeneration": generation}


def with_inventory(previous: Status, inventory: Inventory) -> dict[str, Any]:
    """The status that is there, with the inventory as it is by now."""
    return {**previous, "inventory": inventory.to_status()}


def stored_revision(status: Status) -> int:
    """The revision of the stored rendering by a status; 0 for none."""
    revision = (status.get("release") or {}).get("revision")
    return revision if isinstance(revision, int) else 0


def is_reported(generation: int, status: Status) -> bool:
    """Whether the status says something about this generation already."""
    ready = condition_in(status, "Ready")
    return ready is not None and ready.get("observedGeneration") == generation


def is_unanswered(status: Status, requested: Mapping[str, str]) -> bool:
    """Whether a fresh probe was asked for, and not made yet; requests by the status field that answers each."""
    return any(status.get(answer) != value for answer, value in requested.items())


def finished_workloads(status: Status) -> frozenset[tuple[str, str, str]]:
    """The workloads (kind, namespace, name) that were well when they were last looked at."""
    return frozenset(
        (str(entry.get("kind")), str(entry.get("namespace") or ""), str(entry.get("name")))
        for entry in status.get("workloads") or ()
        if entry.get("state") == WorkloadState.READY
    )


def reported_workloads(status: Status, keys: Iterable[ObjectKey]) -> dict[ObjectKey, Health]:
    """What the status says of each of these workloads; one of an unknown state is left out."""
    by_name = {(key.kind, key.namespace, key.name): key for key in keys}
    healths = {}
    for entry in status.get("workloads") or ():
        key = by_name.get((str(entry.get("kind")), str(entry.get("namespace") or ""), str(entry.get("name"))))
        if key is not None and entry.get("state") in _STATES_WORST_FIRST:
            healths[key] = Health(WorkloadState(entry["state"]), str(entry.get("message") or ""))
    return healths


def _release(previous: Status, findings: Findings) -> dict[str, Any]:
    """``release``, of which the version and the stored rendering are found apart; nothing where nothing is known."""
    before = previous.get("release") or {}
    version = {name: before[name] for name in VERSION_FIELDS if name in before}
    stored = {name: value for name, value in before.items() if name not in VERSION_FIELDS}
    release = {**(stored if findings.release is None else findings.release)}
    release |= version if findings.version is None else findings.version
    return {"release": release} if release else {}


def _images(previous: Status, found: ImageFindings) -> dict[str, Any]:
    """Per-image results, worst first, and the counts of all."""
    before = {str(entry.get("image")): entry for entry in previous.get("images") or ()}
    ordered = worst_first(found.resolutions)[:MAX_IMAGES]
    entries = [_image(s, before.get(s.image, {}), found) for s in ordered]
    counts = {
        "total": len(found.resolutions),
        "public": sum(s.verdict is Verdict.PUBLIC for s in found.resolutions),
        "private": sum(s.verdict is Verdict.PRIVATE for s in found.resolutions),
        "proxied": sum(s.route is Route.PROXY for s in found.resolutions),
        "undecided": sum(s.route is None for s in found.resolutions),
        "unverified": sum(
            found.verified and s.is_routed and s.verified is not Verified.TRUE for s in found.resolutions
        ),
    }
    # A registry that is down is asked every minute or so; only an answer is worth a new time.
    answered = any(s.probed and s.basis is Basis.VERDICT for s in found.resolutions)
    probed_at = found.at if answered else previous.get("lastProbeTime", found.at)
    return {"images": entries, "imageSummary": counts, "lastProbeTime": probed_at}


def reported_license(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a license that there are."""
    return {name: value for name, value in facts.items() if value not in (None, "")}


def worst_first(resolutions: Iterable[Resolution]) -> list[Resolution]:
    """Images as status shows them, worst first; what pods pull with the license is before what they pull without."""
    return sorted(resolutions, key=lambda s: (_badness(s), s.image))


def _unhandled(found: Sequence[UnhandledImage]) -> dict[str, Any]:
    """At most a screen of them: they are counted in the condition ImagesResolved."""
    shown = [one.to_status() for one in found[:MAX_UNHANDLED]]
    return {"unhandledImages": shown} if shown else {}


def _badness(resolution: Resolution) -> int:
    if resolution.route is None:
        return 0
    if resolution.verified is Verified.FALSE:
        return 1
    return 1 + _WORST_FIRST.get(resolution.verdict, 0)


def _image(resolution: Resolution, before: Mapping[str, Any], found: ImageFindings) -> dict[str, Any]:
    same = before.get("verdict") == resolution.verdict
    users = found.users.get(resolution.image, ())
    refused = resolution.verified_message if resolution.verified is Verified.FALSE else ""
    message = "; ".join(filter(None, (resolution.message, refused, found.notes.get(resolution.image))))
    entry: dict[str, Any] = {
        "image": resolution.image,
        "verdict": str(resolution.verdict),
        "route": None if resolution.route is None else str(resolution.route),
        "pull": resolution.pull,
        "httpStatus": resolution.http_status,
        "code": resolution.code,
        "message": message[:MAX_IMAGE_MESSAGE],
        "verified": str(resolution.verified) if found.verified and resolution.is_routed else None,
        "lastTransitionTime": before.get("lastTransitionTime", found.at) if same else found.at,
        "usedBy": [*users[:MAX_USERS], *([f"and {len(users) - MAX_USERS} more"] if len(users) > MAX_USERS else [])],
        "origin": OF_PODS if resolution.image in found.of_pods else None,
    }
    return {name: value for name, value in entry.items() if value not in (None, "", [])}


def _workloads(healths: Mapping[ObjectKey, Health]) -> list[dict[str, str]]:
    ordered = sorted(healths.items(), key=lambda item: (_STATES_WORST_FIRST.index(item[1].state), item[0]))
    return [_workload(key, health) for key, health in ordered[:MAX_WORKLOADS]]


def _workload(key: ObjectKey, health: Health) -> dict[str, str]:
    entry = {
        "kind": key.kind,
        "name": key.name,
        "namespace": key.namespace,
        "state": str(health.state),
        "message": health.message[:MAX_IMAGE_MESSAGE],
    }
    return {name: value for name, value in entry.items() if value}

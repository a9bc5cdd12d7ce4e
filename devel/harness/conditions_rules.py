"""The rules of conditions, checked over the recorded life of a KotsApp: every status that was ever written, in order.

They are those of kstatus and Flux. Ready is always there; Reconciling and Stalled are there only while True, never
both and never beside Ready True; each condition carries observedGeneration; lastTransitionTime moves only with the
condition's status; the root observedGeneration reaches a generation once that generation is done, and then at once.
While Suspended is there nothing is worked on, and the root observedGeneration may be ahead of Ready's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Status = Mapping[str, Any]
Condition = Mapping[str, Any]

_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

# Reasons that fix what stands beside Ready False.
_RETRIED = frozenset({"ImagesUndecided", "ImagesNotPullable"})
_FINAL = frozenset({"WorkloadsUnhealthy"})
# What Ready True can't do without. Not among them: WorkloadsHealthy (an app may not wait), ImagesPullable (reported).
_NEEDED = ("LicenseValid", "ImagesResolved", "PullSecretReady", "WorkloadsApplied")


def violations(statuses: Sequence[Status], generations: Sequence[int]) -> list[str]:
    """What breaks a rule, one line each, with the number of the status; empty for a life that keeps them all.

    ``generations`` has, for each status, metadata.generation of the object in which it was seen. Before the first
    status with conditions there may be any number of empty ones, or of ones as the CRD defaults them.
    """
    found: list[str] = []
    before: Status = {}
    last_times: dict[str, str] = {}
    for number, (status, generation) in enumerate(zip(statuses, generations, strict=True)):
        if not status.get("conditions") and not before:
            if status.get("observedGeneration", -1) != -1:
                found.append(f"status {number}: observedGeneration {status['observedGeneration']} without conditions")
            continue
        # A recording may begin in the middle of a life: its first status is judged by itself.
        step = _step(before, status) if number else ()
        broken = [*_one(status, generation), *step, *_times(status, before, last_times)]
        found += [f"status {number}: {line}" for line in broken]
        for type_, condition in _by_type(status).items():
            last_times[type_] = str(condition.get("lastTransitionTime"))
        before = status
    return found


def _one(status: Status, generation: int) -> Iterator[str]:
    """Rules of a single status."""
    listed = [str(condition.get("type")) for condition in status.get("conditions") or []]
    yield from (
        f"{type_} is there {listed.count(type_)} times" for type_ in sorted(set(listed)) if listed.count(type_) > 1
    )
    for condition in status.get("conditions") or []:
        yield from _shape(condition, generation)
    conditions = _by_type(status)
    root = status.get("observedGeneration")
    if not isinstance(root, int):
        yield f"observedGeneration is {root!r}"
        return
    if root > generation:
        yield f"observedGeneration {root} is ahead of generation {generation}"
    ready, reconciling, stalled = (conditions.get(type_) for type_ in ("Ready", "Reconciling", "Stalled"))
    for condition in (reconciling, stalled):
        if condition is not None and condition.get("status") != "True":
            yield f"{condition.get('type')} is there and {condition.get('status')}"
    if reconciling and stalled:
        yield "Reconciling and Stalled at once"
    if ready is None:
        yield "Ready is missing"
        return
    yield from _ready(ready, reconciling, stalled)
    if ready.get("status") == "True":
        lacking = [type_ for type_ in _NEEDED if conditions.get(type_, {}).get("status", "True") != "True"]
        yield from (f"Ready is True and {type_} is {conditions[type_]['status']}" for type_ in lacking)
    suspended = conditions.get("Suspended")
    if suspended is not None:
        yield from _suspended(suspended, conditions, root)
    elif not reconciling and root != ready.get("observedGeneration"):
        yield f"done with generation {ready.get('observedGeneration')}, but observedGeneration is {root}"


def _suspended(suspended: Condition, conditions: Mapping[str, Condition], root: int) -> Iterator[str]:
    """An app that is left alone is not worked on: it is as well as it was, or waits for a person."""
    if suspended.get("status") != "True":
        yield f"Suspended is there and {suspended.get('status')}"
    if suspended.get("observedGeneration") != root:
        yield f"suspended for generation {suspended.get('observedGeneration')}, but observedGeneration is {root}"
    if "Reconciling" in conditions:
        yield "Reconciling while Suspended"
    if conditions["Ready"].get("status") != "True" and "Stalled" not in conditions:
        yield "neither Ready nor Stalled while Suspended"


def _ready(ready: Condition, reconciling: Condition | None, stalled: Condition | None) -> Iterator[str]:
    """What stands beside Ready by its status and reason."""
    status, reason = ready.get("status"), ready.get("reason")
    if status == "True":
        yield from (f"{c.get('type')} beside Ready True" for c in (reconciling, stalled) if c)
        if reason != "ReconciliationSucceeded":
            yield f"Ready is True with reason {reason}"
        return
    if reason == "ReconciliationSucceeded":
        yield f"Ready is {status} with reason {reason}"
    if status == "Unknown" and not reconciling:
        yield "Ready is Unknown without Reconciling"
    if stalled and stalled.get("reason") != reason:
        yield f"Stalled with reason {stalled.get('reason')} beside Ready with reason {reason}"
    if reason in _RETRIED and not reconciling:
        yield f"Ready is False with reason {reason} without Reconciling"
    if reason in _FINAL and (reconciling or stalled):
        yield f"Reconciling or Stalled beside Ready with reason {reason}"


def _shape(condition: Condition, generation: int) -> Iterator[str]:
    type_, observed = condition.get("type"), condition.get("observedGeneration")
    if condition.get("status") not in ("True", "False", "Unknown"):
        yield f"{type_} has status {condition.get('status')!r}"
    if not _REASON.fullmatch(str(condition.get("reason") or "")):
        yield f"{type_} has reason {condition.get('reason')!r}"
    if not isinstance(condition.get("message"), str):
        yield f"{type_} has message {condition.get('message')!r}"
    if not _TIME.fullmatch(str(condition.get("lastTransitionTime"))):
        yield f"{type_} has lastTransitionTime {condition.get('lastTransitionTime')!r}"
    if not isinstance(observed, int) or not 1 <= observed <= generation:
        yield f"{type_} has observedGeneration {observed!r} at generation {generation}"


def _step(before: Status, after: Status) -> Iterator[str]:
    """Rules between a status and the one before it."""
    root, old_root = after.get("observedGeneration"), before.get("observedGeneration", -1)
    conditions = _by_type(after)
    if isinstance(root, int) and isinstance(old_root, int):
        if root < old_root:
            yield f"observedGeneration went from {old_root} back to {root}"
        if root > old_root and "Reconciling" in conditions:
            yield f"observedGeneration went to {root} while Reconciling"
    for type_, old in _by_type(before).items():
        observed, old_observed = conditions.get(type_, {}).get("observedGeneration"), old.get("observedGeneration")
        if isinstance(observed, int) and isinstance(old_observed, int) and observed < old_observed:
            yield f"observedGeneration of {type_} went from {old_observed} back to {observed}"


def _times(status: Status, before: Status, last_times: Mapping[str, str]) -> Iterator[str]:
    """lastTransitionTime of conditions moves with the status, that of images with the verdict, and never back."""
    previous = _by_type(before)
    for type_, condition in _by_type(status).items():
        time, old = str(condition.get("lastTransitionTime")), previous.get(type_)
        if old is not None and old.get("status") == condition.get("status"):
            if time != old.get("lastTransitionTime"):
                yield f"lastTransitionTime of {type_} moved while it stayed {condition.get('status')}"
        elif time < last_times.get(type_, ""):
            yield f"lastTransitionTime of {type_} went back to {time}"
    images = {image.get("image"): image for image in before.get("images") or []}
    for image in status.get("images") or []:
        old = images.get(image.get("image"))
        if old is None or old.get("verdict") != image.get("verdict"):
            continue
        if old.get("lastTransitionTime") != image.get("lastTransitionTime"):
            yield f"lastTransitionTime of {image.get('image')} moved while it stayed {image.get('verdict')}"


def _by_type(status: Status) -> dict[str, Condition]:
    return {str(condition.get("type")): condition for condition in status.get("conditions") or []}

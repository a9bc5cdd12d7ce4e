"""``kubectl kotsapp diff``: what the next roll-out would change, by dry runs at the API server (DESIGN 10)."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from kotsapp.apply.inventory import Entry, spared
from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.plugin.preview import Object, Preview, preview
from kotsapp.cli.plugin.target import Target, is_suspended
from kotsapp.cli.plugin.terminal import painted
from kotsapp.cli.plugin.tones import Tone
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.license import TrustedKeys, TrustedKeysError
from kotsapp.reconcile.rollout import force_allowed
from kotsapp.redact import masked
from kotsapp.render.yaml_text import dump
from kotsapp.text import printable

# As kubectl diff: 0 for nothing, 1 for a difference, and more where that could not be found out.
EXIT_UNKNOWN = 2
_CONTEXT = 3
_TONES = {"+": Tone.GOOD, "-": Tone.BAD}
# What the API server writes beside what was asked for.
_OF_SERVER = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Change:
    """One object; ``before`` is None for one that is made, ``after`` for one that is deleted."""

    key: ObjectKey
    before: Object | None
    after: Object | None


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    try:
        keys = TrustedKeys.load(args.trusted_keys)
        found = await preview(app, target.client, keys, args.helm)
        changes, problems = await _changes(found, target.client)
    except (ApiError, TrustedKeysError) as error:
        raise CommandError(str(error), EXIT_UNKNOWN) from None
    if is_suspended(app):
        report("kubectl kotsapp: it is suspended: nothing of this happens before it is resumed")
    for note in found.notes:
        report(f"kubectl kotsapp: {note}")
    for change in changes:
        sys.stdout.write("".join(_lines(change, app["metadata"]["namespace"])))
    for problem in problems:
        report(f"kubectl kotsapp: {problem}")
    if problems:
        return EXIT_UNKNOWN
    if not changes:
        report("kubectl kotsapp: nothing would change")
    return EXIT_PROBLEM if changes else EXIT_OK


async def _changes(found: Preview, client: KubeClient) -> tuple[list[Change], list[str]]:
    """What differs, by dry runs; and why some could not be found out."""
    changes: list[Change] = []
    problems: list[str] = []
    for obj in found.due:
        key = key_of(obj)
        try:
            change = await _change(obj, key, client)
        except ApiError as error:
            problems.append(f"{key.within(found.app.namespace)}: {error}")
            continue
        if change is not None:
            changes.append(change)
    for entry in found.left_over:
        changes += await _deletion(entry, found, client)
    return changes, problems


async def _change(obj: Object, key: ObjectKey, client: KubeClient) -> Change | None:
    """Raises ApiError for what is refused, and would be refused to the operator as well."""
    try:
        kind = await client.resource_type(key.api_version, key.kind)
    except UnknownKindError:
        return Change(key, None, obj)  # its definition is among what is made
    live = await client.get(kind, key.name, key.namespace)
    try:
        after: Object = await client.apply(obj, dry_run=True)
    except ApiError as error:
        # A namespace that is made first; or a field that can't be changed, of what may be made anew.
        if not (error.not_found and live is None) and not (live is not None and force_allowed(obj)):
            raise
        after = obj
    before, wanted = _plain(live), _plain(after)
    return None if before == wanted else Change(key, before, wanted)


async def _deletion(entry: Entry, found: Preview, client: KubeClient) -> list[Change]:
    try:
        kind = await client.resource_type(entry.key.api_version, entry.key.kind)
    except UnknownKindError:
        return []
    live = await client.get(kind, entry.key.name, entry.key.namespace)
    if live is None or spared(live, entry.key, found.app.applicant.marks) is not None:
        return []
    return [Change(entry.key, _plain(live), None)]


def _plain(obj: Object | None) -> Object | None:
    """What a person wrote, or somebody for them."""
    if obj is None:
        return None
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _OF_SERVER}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != _LAST_APPLIED}
    metadata |= {"annotations": annotations} if annotations else {}
    if not annotations:
        metadata.pop("annotations", None)
    return {name: value for name, value in {**obj, "metadata": metadata}.items() if name != "status"}


def _lines(change: Change, namespace: str) -> Iterator[str]:
    name = printable(change.key.within(namespace))
    before, after = (
        _hidden(change.before, change.after) if change.key.kind == "Secret" else (change.before, change.after)
    )
    old, new = _text(before), _text(after)
    from_ = f"live/{name}" if before is not None else "/dev/null"
    to = f"next/{name}" if after is not None else "/dev/null"
    for line in unified_diff(old, new, from_, to, n=_CONTEXT):
        text = printable(masked(line.rstrip("\n")))
        yield f"{painted(text, _TONES.get(text[:1])) if text[:1] in _TONES else text}\n"


def _text(obj: Object | None) -> list[str]:
    return [] if obj is None else dump(dict(obj)).splitlines(keepends=True)


def _hidden(before: Object | None, after: Object | None) -> tuple[Object | None, Object | None]:
    """Two forms of a Secret without what it holds, and what of it changes."""
    values = [_values(before), _values(after)]

    def shown(obj: Object | None, own: Mapping[str, Any], other: Mapping[str, Any], when: str) -> Object | None:
        if obj is None:
            return None
        data = {key: "***" if other.get(key, value) == value else f"*** ({when})" for key, value in own.items()}
        return {**{name: value for name, value in obj.items() if name not in ("data", "stringData")}, "data": data}

    return shown(before, values[0], values[1], "before"), shown(after, values[1], values[0], "after")


def _values(obj: Object | None) -> Mapping[str, Any]:
    return {} if obj is None else {**(obj.get("data") or {}), **(obj.get("stringData") or {})}

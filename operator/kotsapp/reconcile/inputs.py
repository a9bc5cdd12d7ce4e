"""Reads what a KotsApp names: the license and the manifests' sources, from its own namespace alone."""

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kotsapp.api.conditions import LICENSE_VALID, Condition, Reason
from kotsapp.api.spec import Inline, Item, KeyRef, SourceKind, Spec
from kotsapp.kube.client import KubeClient
from kotsapp.license import License, LicenseError, LicenseReason, load
from kotsapp.manifests import documents
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.reconcile import events
from kotsapp.reconcile.app import App
from kotsapp.reconcile.known_secrets import without_secrets
from kotsapp.reconcile.outcome import ReconcileError, terminal
from kotsapp.reconcile.services import InputServices
from kotsapp.release import config_values
from kotsapp.release.budget import PACKED, for_answers
from kotsapp.release.config_values import Answers
from kotsapp.release.source_file import ChartInstall, SourceFile
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.items import RemoteItem
from kotsapp.sources.oci_ref import OciRef

_PLAIN_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_YAML_ENDINGS = (".yaml", ".yml")


async def read_license(app: App, spec: Spec, services: InputServices) -> License:
    """The license, verified; raises ReconcileError when it is missing or can't be used. It may have expired."""
    ref = spec.license
    obj = await _read(services.client, app, ref)
    if obj is None:
        raise _license_error(
            Reason.LICENSE_NOT_FOUND,
            f"{ref.kind} {ref.name} with the license does not exist in namespace {app.namespace}; create it with the"
            f" license document under key {ref.key}",
        )
    keys = _keys(obj)
    if ref.key not in keys:
        found = ", ".join(sorted(keys)) or "none"
        raise _license_error(
            Reason.LICENSE_NOT_FOUND,
            f"{ref.kind} {ref.name} has no key {ref.key} (its keys: {found}); put the license document there or set"
            " spec.license's key",
        )
    try:
        document = _value(obj, ref, ref.key or "")
        # A thread, because a hostile document of 1 MiB takes most of a second, and other apps go on meanwhile.
        policy, versions = services.settings.license_policy, services.settings.license_versions
        return await asyncio.to_thread(load, document, services.keys, policy, versions)
    except LicenseError as error:
        raise _license_error(error.reason, f"{ref}: {error.message}{_how_to_trust(error)}") from None
    except ValueError as error:
        raise _license_error(LicenseReason.INVALID, f"{ref}: {error}") from None


def refuse_expired(license: License, ref: KeyRef) -> None:
    """Raises ReconcileError once the license's time is over."""
    if license.expires_at is None or not license.expired(datetime.now(UTC)):
        return
    raise _license_error(
        Reason.LICENSE_EXPIRED,
        f"{ref}: the license expired on {license.expires_at:%Y-%m-%d %H:%M UTC}; what runs is left as it is and"
        " nothing new rolls out. Put a renewed license in its place",
    )


async def read_sources(
    app: App, spec: Spec, services: InputServices, fetched: Mapping[str, Artifact], budget: Budget
) -> list[SourceFile]:
    """The files of every source, in the order of spec.manifests and of their keys; ``fetched`` is what those outside
    the cluster hold, by their names. ``budget`` is the app's, for answers as well.

    Raises ReconcileError when one is missing, or they are too large together.
    """
    files: list[SourceFile] = []
    for item in spec.manifests:
        source, install = item.source, await _install(app, item, services, budget)
        if isinstance(source, Inline):
            files.append(SourceFile(str(source), f"manifests-{source.index}.yaml", source.text.encode()))
        elif isinstance(source, RemoteItem):
            artifact = fetched[source.name]
            files.append(SourceFile(source.name, artifact.file_name, artifact.content, install))
        else:
            found = await _files(app, source, services, _MANIFESTS, budget)
            files += [replace(file, chart=install) for file in found]
            continue
        _take(budget, files[-1], _MANIFESTS)
    return files


def with_values(files: Sequence[SourceFile]) -> list[SourceFile]:
    """The files, and those with their charts' values."""
    return [*files, *(values for file in files if file.chart is not None for values in file.chart.values_files)]


async def _install(app: App, item: Item, services: InputServices, budget: Budget) -> ChartInstall | None:
    """How a chart of the item is installed; a chart that was fetched is, if nobody says how, in its own name."""
    chart = item.chart
    if chart is None:
        return ChartInstall() if isinstance(item.source, OciRef) else None
    values: list[SourceFile] = []
    for ref in chart.values_from:
        values += await _files(app, ref, services, _VALUES, budget)
    return ChartInstall(chart.where, chart.release_name, chart.namespace, chart.values, tuple(values))


async def read_answers(
    app: App, spec: Spec, services: InputServices, budget: Budget
) -> tuple[Answers, list[SourceFile]]:
    """The answers to the release's Config, those of spec.config.values over those of valuesFrom, of which later ones
    win; and what they were read from, for which ``budget`` is.

    A key that is named, or a YAML file's, holds a ConfigValues document or a map; any other key is an item's name, and
    its content the value. Raises ReconcileError when one is missing or can't be read.
    """
    files: list[SourceFile] = []
    found: list[Answers] = []
    bounds = for_answers()
    for ref in spec.config.values_from:
        for file in await _files(app, ref, services, _ANSWERS, budget):
            files.append(file)
            if ref.key is None and not file.name.endswith(_YAML_ENDINGS):
                found.append(Answers({file.name: file.data}))
                continue
            try:
                document = await asyncio.to_thread(documents.read_mapping, file.data, file.origin, bounds)
                found.append(config_values.read(document, Place(file.origin)))
            except ManifestError as error:
                raise terminal(Reason.CONFIG_INCOMPLETE, without_secrets(error)) from None
    return config_values.merged([*found, Answers(dict(spec.config.values))]), files


@dataclass(frozen=True, slots=True)
class _Kind:
    """What files are for: the words for it, and the reasons when they are missing and when they can't be read."""

    what: str
    missing: Reason
    invalid: Reason


_MANIFESTS = _Kind("manifests", Reason.MANIFESTS_NOT_FOUND, Reason.INVALID_MANIFEST)
_VALUES = _Kind("values of a chart", Reason.MANIFESTS_NOT_FOUND, Reason.INVALID_MANIFEST)
_ANSWERS = _Kind("answers to the release's Config", Reason.CONFIG_INCOMPLETE, Reason.CONFIG_INCOMPLETE)


async def _files(app: App, ref: KeyRef, services: InputServices, kind: _Kind, budget: Budget) -> list[SourceFile]:
    obj = await _read(services.client, app, ref)
    if obj is None:
        problem = f"{ref.kind} {ref.name} with {kind.what} does not exist in namespace {app.namespace}; create it"
        raise terminal(kind.missing, problem)
    keys = _keys(obj)
    if ref.key is not None and ref.key not in keys:
        found = ", ".join(sorted(keys)) or "none"
        raise terminal(kind.missing, f"{ref.kind} {ref.name} has no key {ref.key} (its keys: {found})")
    if not keys:
        raise terminal(kind.missing, f"{ref.kind} {ref.name} has no keys; put {kind.what} into it")
    files: list[SourceFile] = []
    for key in [ref.key] if ref.key is not None else sorted(keys):
        origin = f"{ref.kind} {ref.name}, key {key}"
        try:
            files.append(SourceFile(origin, key, _value(obj, ref, key)))
        except ValueError as error:
            raise terminal(kind.invalid, f"{origin}: {error}") from None
        _check_digest(ref, files[-1])
        _take(budget, files[-1], kind)
    return files


def _take(budget: Budget, file: SourceFile, kind: _Kind) -> None:
    """Count it at once: a thousand references may name one object of 1 MiB. Raises ReconcileError."""
    try:
        budget.take(PACKED, len(file.data), Place(file.origin))
    except ManifestError as error:
        raise terminal(kind.invalid, str(error)) from None


def _check_digest(ref: KeyRef, file: SourceFile) -> None:
    """Raises ReconcileError for content that is not the one that the KotsApp pins (docs/rights.md)."""
    if ref.digest is None or ref.digest == (found := f"sha256:{hashlib.sha256(file.data).hexdigest()}"):
        return
    # What a Secret's content has for a digest would let a short one be guessed.
    actual = "" if ref.kind is SourceKind.SECRET else f" ({found})"
    raise terminal(
        Reason.MANIFESTS_CHANGED,
        f"{file.origin}: its content{actual} is not the one that spec.manifests pins ({ref.digest}); nothing of it is"
        " applied. Put the old content back, or set digest to that of the new one, if it is meant",
    )


async def _read(client: KubeClient, app: App, ref: KeyRef) -> dict[str, Any] | None:
    return await client.get(await client.resource_type("v1", ref.kind), ref.name, app.namespace)


async def read_key(app: App, kind: SourceKind, name: str, key: str, services: InputServices) -> bytes | None:
    """A key's content; None where object or key isn't there, or the value is no base64. Raises ApiError."""
    ref = KeyRef(kind, name, key)
    obj = await _read(services.client, app, ref)
    try:
        return _value(obj, ref, key) if obj is not None and key in _keys(obj) else None
    except ValueError:
        return None


def _keys(obj: dict[str, Any]) -> set[str]:
    return {*(obj.get("data") or {}), *(obj.get("binaryData") or {})}


def _value(obj: dict[str, Any], ref: KeyRef, key: str) -> bytes:
    data = obj.get("data") or {}
    if ref.kind is SourceKind.CONFIG_MAP and key in data:
        return str(data[key]).encode()
    encoded = data[key] if key in data else (obj.get("binaryData") or {})[key]
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("its value is not base64") from None


def _how_to_trust(error: LicenseError) -> str:
    """What an administrator runs to have a key trusted in a cluster, as the end of a message."""
    if error.reason is not LicenseReason.KEY_UNKNOWN:
        return ""
    # The document says the id: nothing of it is shown that a shell or Helm would take for something else.
    name = error.key_id if error.key_id and _PLAIN_KEY_ID.fullmatch(error.key_id) else "KEY-ID"
    return (
        ". With Helm: helm upgrade kotsapp-operator deploy/chart -n kotsapp-system --reset-then-reuse-values"
        f" --set-file trustedKeys.{name}={name}.pem"
    )


def _license_error(reason: str, message: str) -> ReconcileError:
    return terminal(reason, message, Condition.false(LICENSE_VALID, reason, message))


def license_condition(license: License, overridden: str = "") -> Condition:
    """Whose license it is, what of it differs from what was signed, and that it ends soon; ``overridden`` is what else
    is to be said of it."""
    message = f"license of {license.customer_name or 'the customer'} for {license.app_slug}"
    if license.differences:
        shown = ", ".join(license.differences[:10])
        message += f"; the document differs from what was signed in {shown}: the signed values are used"
    if license.warnings:
        message += "; " + "; ".join(license.warnings[:3])
    if overridden:
        message += f"; {overridden}"
    soon = events.ends_soon(license)
    if soon is None:
        return Condition.true(LICENSE_VALID, message)
    return Condition.true(LICENSE_VALID, f"{message}; {soon}", Reason.LICENSE_EXPIRING_SOON)

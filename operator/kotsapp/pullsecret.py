"""The pull Secret: what it holds, and what to do about the Secret of that name which is there already."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.images.routing import Domains

SECRET_TYPE = "kubernetes.io/dockerconfigjson"  # noqa: S105 - the name of a type
SECRET_KEY = ".dockerconfigjson"  # noqa: S105 - the name of a key
# The literal user name that the vendor's proxy and registry expect; the license id is the password.
USER_NAME = "LICENSE_ID"
MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Create:
    """There is none yet."""


@dataclass(frozen=True, slots=True)
class Update:
    """It is ours, and says something else than it should."""


@dataclass(frozen=True, slots=True)
class Keep:
    """It is ours and right: write nothing."""


@dataclass(frozen=True, slots=True)
class Clash:
    """The name is taken. ``message`` names the Secret, whose it is, and the way out; nothing may be written."""

    message: str


Decision = Create | Update | Keep | Clash


def default_name(app_slug: str) -> str:
    """The pull secret's name when ``spec.pullSecret.name`` gives none."""
    return f"{app_slug}-registry"


def dockerconfigjson(license_id: str, domains: Domains) -> bytes:
    """Compact JSON with sorted keys, byte for byte what KOTS writes. The license id is the password of every entry.

    Unlike KOTS, it opens the default proxy beside a custom one, if ``domains`` says that images are pulled from there.
    """
    auth = base64.b64encode(f"{USER_NAME}:{license_id}".encode()).decode()
    auths = {host: {"auth": auth} for host in domains.hosts}
    return json.dumps({"auths": auths}, sort_keys=True, separators=(",", ":")).encode()


def pull_secret(
    name: str, namespace: str, license_id: str, domains: Domains, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The Secret manifest to apply. ``labels`` mark the owner: ``decide`` knows its own Secrets by them."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "type": SECRET_TYPE,
        "data": {SECRET_KEY: base64.b64encode(dockerconfigjson(license_id, domains)).decode()},
    }


def decide(live: Mapping[str, Any] | None, desired: Mapping[str, Any], field_manager: str) -> Decision:
    """What to do so that ``desired`` is there. A Secret of another type, or of another owner, is never touched.

    A Secret is ours when it carries the labels of ``desired``, or when ``field_manager`` wrote it and no label names
    another owner (somebody took our labels off, which is repaired).
    """
    if live is None:
        return Create()
    taken = _taken(live, desired, field_manager)
    if taken is not None:
        metadata = desired["metadata"]
        return Clash(
            f"Secret {metadata['namespace']}/{metadata['name']} of type {live.get('type')} {taken}; "
            "name another one in spec.pullSecret.name, or remove that Secret"
        )
    return Keep() if _says_the_same(live, desired) else Update()


def _taken(live: Mapping[str, Any], desired: Mapping[str, Any], field_manager: str) -> str | None:
    metadata: Mapping[str, Any] = live.get("metadata") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    wanted: Mapping[str, str] = desired["metadata"]["labels"]
    other = {key: labels[key] for key in wanted if key in labels and labels[key] != wanted[key]}
    if other:
        shown = ", ".join(f"{key}={value}" for key, value in sorted(other.items()))
        return f"belongs to somebody else ({shown})"
    marked = bool(wanted) and wanted.keys() <= labels.keys()
    if not marked and field_manager not in _managers(metadata):
        return f"is there already and belongs to {_owner(metadata, labels)}"
    if live.get("type") != desired["type"]:
        return f"can't be changed to type {desired['type']}"
    if live.get("immutable") is True and not _says_the_same(live, desired):
        return "is immutable and holds something else"
    return None


def _owner(metadata: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    owners = metadata.get("ownerReferences") or ()
    if owners:
        return " and ".join(f"{owner.get('kind')} {owner.get('name')}" for owner in owners)
    if MANAGED_BY in labels:
        return labels[MANAGED_BY]
    return ", ".join(sorted(_managers(metadata))) or "an unknown owner"


def _managers(metadata: Mapping[str, Any]) -> set[str]:
    return {entry["manager"] for entry in metadata.get("managedFields") or () if entry.get("manager")}


def _says_the_same(live: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    labels = (live.get("metadata") or {}).get("labels") or {}
    data = live.get("data") or {}
    return (
        live.get("type") == desired["type"]
        and data.get(SECRET_KEY) == desired["data"][SECRET_KEY]
        and all(labels.get(key) == value for key, value in desired["metadata"]["labels"].items())
    )

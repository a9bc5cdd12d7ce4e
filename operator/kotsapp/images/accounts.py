"""The pull secrets that pods have from their ServiceAccount.

An API server gives a pod its account's pull secrets only where the pod has none of its own, so whoever adds the first
one to a pod takes the account's away, unless it adds them, too (DESIGN 3).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.images.finder import images_of
from kotsapp.images.image_path import ImagePath, Path
from kotsapp.images.podspec import PULL_SECRETS, ImageUse, at, group_kind, workloads

DEFAULT_ACCOUNT = "default"

# Account to the names of its pull secrets, within one namespace.
AccountSecrets = Mapping[str, Sequence[str]]
NO_SECRETS: AccountSecrets = {}


class Account(NamedTuple):
    """A ServiceAccount; ``namespace`` is empty where the object that names it has none."""

    namespace: str
    name: str


def account_of(obj: Mapping[str, Any], secrets: Path) -> str | None:
    """Whose pull secrets the pods get that have the list at ``secrets``; None where they have secrets of their own.

    None, too, for a list that is not a pod spec's and stands beside no account.
    """
    found = at(obj, secrets[:-1])
    spec = found if isinstance(found, Mapping) else {}
    if spec.get(secrets[-1]):
        return None
    named = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if isinstance(named, str) and named:
        return named
    return DEFAULT_ACCOUNT if secrets[-1] == PULL_SECRETS else None


def accounts_in_use(obj: Mapping[str, Any], uses: Iterable[ImageUse], routed: Iterable[str]) -> set[Account]:
    """The accounts whose pods would lose their pull secrets: they get their first one, for an image of ``routed``."""
    routed = frozenset(routed)
    lists = {one for use in uses if use.image in routed for one in use.pull_secrets}
    names = (account_of(obj, secrets) for secrets in lists)
    return {Account(_namespace(obj), name) for name in names if name is not None}


def accounts_of(
    objects: Iterable[Mapping[str, Any]], routed: Iterable[str], image_paths: Sequence[ImagePath] = ()
) -> set[Account]:
    """The accounts of all objects, lists among them, as ``accounts_in_use`` finds them."""
    routed = frozenset(routed)
    if not routed:
        return set()
    items = (item for obj in objects for _, item in workloads(obj))
    return {account for item in items for account in accounts_in_use(item, images_of(item, image_paths), routed)}


def secrets_in_manifests(objects: Iterable[Mapping[str, Any]]) -> dict[Account, tuple[str, ...]]:
    """What the accounts among the objects carry, where their manifest says so: the list is applied as it is written."""
    return {
        Account(_namespace(obj), str(obj["metadata"].get("name"))): carried(obj)
        for obj in objects
        if group_kind(obj) == ("", "ServiceAccount") and PULL_SECRETS in obj
    }


def by_namespace(secrets: Mapping[Account, Sequence[str]]) -> dict[str, dict[str, Sequence[str]]]:
    """What accounts carry, by their namespace and then by their name."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    for account, names in secrets.items():
        found.setdefault(account.namespace, {})[account.name] = names
    return found


def carried(account: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a ServiceAccount's pull secrets, each once, in its order."""
    entries = account.get(PULL_SECRETS)
    names = [entry.get("name") for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _namespace(obj: Mapping[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")

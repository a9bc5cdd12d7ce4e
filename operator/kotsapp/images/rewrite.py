"""Make an object's pods pull what was decided, and record what the manifest said."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.images.accounts import NO_SECRETS, AccountSecrets, account_of
from kotsapp.images.finder import images_of
from kotsapp.images.image_path import ImagePath, Path
from kotsapp.images.podspec import ImageUse, at, workloads

# A field of this name takes one secret, and somebody else's stays: there is no place for two.
_SINGLE = "imagePullSecret"
ORIGINAL_IMAGES = "kotsapp.dev/original-images"

_RECORD = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Pull(NamedTuple):
    """How pods get one image: the reference they pull, and whether pulling it takes the license's pull secret."""

    reference: str
    needs_secret: bool


class _Secrets(NamedTuple):
    """The license's pull secret, and what accounts carry."""

    name: str
    of_accounts: AccountSecrets


def rewrite(
    obj: dict[str, Any],
    pulls: Mapping[str, Pull],
    secret_name: str,
    image_paths: Sequence[ImagePath] = (),
    account_secrets: AccountSecrets = NO_SECRETS,
) -> dict[str, Any]:
    """The object with every image that ``pulls`` knows (by the reference as written) replaced.

    Where an image needs it, the pull secret's name is appended to the pod spec's ``imagePullSecrets``, unless it is
    there; what was there keeps its place. Where nothing was there, what the pods' account carries in the object's
    namespace (``account_secrets``) follows: the API server adds it to no pod that has a list. References that changed
    are recorded in the annotation ``kotsapp.dev/original-images`` of the object (of the item, in a list), never of a
    pod template: JSON, from container name to the reference as written. Rewriting twice is the same as rewriting once.

    The input is not touched; parts that did not change are shared with it. An object in which nothing changes is
    returned as it is.
    """
    edit = _CopyOnWrite(obj)
    for place, item in workloads(obj):
        _rewrite_item(item, place, images_of(item, image_paths), pulls, _Secrets(secret_name, account_secrets), edit)
    return edit.root


def rewrite_uses(
    obj: dict[str, Any],
    uses: Sequence[ImageUse],
    pulls: Mapping[str, Pull],
    secret_name: str,
    account_secrets: AccountSecrets = NO_SECRETS,
) -> dict[str, Any]:
    """As ``rewrite``, for one object that is not a list, where ``images_of`` found the uses already."""
    edit = _CopyOnWrite(obj)
    _rewrite_item(obj, (), uses, pulls, _Secrets(secret_name, account_secrets), edit)
    return edit.root


def _rewrite_item(
    item: Mapping[str, Any],
    place: Path,
    uses: Sequence[ImageUse],
    pulls: Mapping[str, Pull],
    secrets: _Secrets,
    edit: "_CopyOnWrite",
) -> None:
    changed: dict[str, str] = {}
    kept: set[str] = set()
    secret_lists: dict[Path, None] = {}
    for use in uses:
        pull = pulls.get(use.image)
        if pull is None:
            continue
        if pull.reference != use.image:
            edit.put((*place, *use.path), pull.reference)
            changed[use.container] = use.image
        elif pull.needs_secret:
            kept.add(use.container)
        if pull.needs_secret:
            secret_lists.update(dict.fromkeys(use.pull_secrets))
    for path in secret_lists:
        account = account_of(item, path)
        _append_secret((*place, *path), secrets.name, edit)
        for name in secrets.of_accounts.get(account, ()) if account is not None else ():
            _append_secret((*place, *path), name, edit)
    _record(item, place, changed, kept, edit)


def _append_secret(path: Path, secret_name: str, edit: "_CopyOnWrite") -> None:
    present = edit.get(path)
    if path[-1] == _SINGLE:
        if not present:
            edit.put(path, {"name": secret_name})
    elif present is None:
        edit.put(path, [{"name": secret_name}])
    elif isinstance(present, list):
        # Some custom resources list plain names instead of references.
        plain = bool(present) and all(isinstance(entry, str) for entry in present)
        entry: Any = secret_name if plain else {"name": secret_name}
        if entry not in present:
            edit.put(path, [*present, entry])


def _record(
    item: Mapping[str, Any], place: Path, changed: dict[str, str], kept: set[str], edit: "_CopyOnWrite"
) -> None:
    """Write the annotation; of an earlier rewriting's record, keep what still describes an image of the object."""
    metadata = item.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    present = annotations.get(ORIGINAL_IMAGES) if isinstance(annotations, dict) else None
    if present is None and not changed:
        return
    recorded = _read_record(present)
    if recorded is None and not changed:
        return
    record = {name: image for name, image in (recorded or {}).items() if name in kept} | changed
    path = (*place, "metadata", "annotations", ORIGINAL_IMAGES)
    if record:
        text = _RECORD.encode(record)
        if text != present:
            edit.put(path, text)
    else:
        edit.remove(path)


def _read_record(text: Any) -> dict[str, str] | None:
    if not isinstance(text, str):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(record, dict) and all(isinstance(image, str) for image in record.values()):
        return record
    return None


class _CopyOnWrite:
    """Changes to a tree of mappings and lists that copy only the branches they touch."""

    __slots__ = ("_own", "root")

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self._own: dict[Path, Any] = {}

    def get(self, path: Path) -> Any:
        return at(self.root, path)

    def put(self, path: Path, value: Any) -> None:
        """Set a value; missing mappings on the way are made. Where something else is in the way, nothing is set."""
        parent, key = self._branch(path[:-1]), path[-1]
        fits = isinstance(parent, dict) if isinstance(key, str) else isinstance(parent, list)
        if fits:
            parent[key] = value

    def remove(self, path: Path) -> None:
        """Take a field away, and ``annotations`` with it when nothing else is in there."""
        parent = self._branch(path[:-1])
        if isinstance(parent, dict):
            parent.pop(str(path[-1]), None)
            if not parent and path[-2] == "annotations":
                self.remove(path[:-1])

    def _branch(self, path: Path) -> Any:
        own = self._own.get(path)
        if own is not None:
            return own
        if not path:
            copy: Any = dict(self.root)
            self.root = copy
        else:
            parent = self._branch(path[:-1])
            key = path[-1]
            if isinstance(parent, dict):
                here = parent.get(key)
            elif isinstance(parent, list) and isinstance(key, int) and key < len(parent):
                here = parent[key]
            else:
                return None
            if here is None:
                copy = {}
            elif isinstance(here, dict):
                copy = dict(here)
            elif isinstance(here, list):
                copy = list(here)
            else:
                return None
            parent[key] = copy
        self._own[path] = copy
        return copy

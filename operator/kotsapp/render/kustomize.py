"""The folder that KOTS hands to kustomize, and that GitOps users commit.

``base/`` holds the objects as the vendor wrote them; ``overlays/midstream/`` renames images, gives the pods the pull
secret and brings the Secret along. ``kubectl kustomize overlays/midstream`` then gives the rewritten objects.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.images.image_path import Path
from kotsapp.images.rewrite import Pull
from kotsapp.render.changes import MISSING, Change, changes
from kotsapp.render.files import SECRET_FILE, file_names
from kotsapp.render.patched import Patched, name, namespace, title
from kotsapp.render.renames import renames
from kotsapp.render.yaml_text import dump, dump_all

BASE = "base"
MIDSTREAM = "overlays/midstream"
PATCHES_FILE = "pullsecrets.yaml"
GENERATED_NAMES_FILE = "generate-name.yaml"

_LOCAL_ONLY = "config.kubernetes.io/local-config"


class DuplicateObjectError(ValueError):
    """Two objects are the same one to kustomize, which refuses such a base. The message names the object."""


@dataclass(frozen=True, slots=True)
class Layout:
    """``files`` maps relative paths to text; ``notes`` say in a sentence each what kustomize has no plain way to do."""

    files: Mapping[str, str]
    notes: tuple[str, ...]


def layout(objects: Sequence[Patched], pulls: Mapping[str, Pull], secrets: Sequence[dict[str, Any]]) -> Layout:
    """The layout for rewritten objects; without ``secrets`` it has no ``secret.yaml``. Raises DuplicateObjectError."""
    carried = [obj for obj in objects if name(obj.before) is not None]
    nameless = [obj.after for obj in objects if name(obj.before) is None]
    _refuse_duplicates(carried)
    chosen = renames(carried, pulls)
    merges: list[dict[str, Any]] = []
    edits: list[dict[str, Any]] = []
    for obj, covered in zip(carried, chosen.covered, strict=True):
        merge, operations = _patches(obj, covered)
        if merge:
            merges.append(_identity(obj.before, merge))
        if operations:
            edits.append({"target": _target(obj.before), "patch": json.dumps(operations, indent=2)})
    files = {f"{BASE}/{file}": dump_all(obj.before for obj in group) for file, group in file_names(carried).items()}
    files[f"{BASE}/kustomization.yaml"] = _kustomization(
        {"resources": sorted(path.removeprefix(f"{BASE}/") for path in files)}
    )
    overlay: dict[str, Any] = {"resources": ["../../base"]}
    if secrets:
        overlay["resources"].append(SECRET_FILE)
        files[f"{MIDSTREAM}/{SECRET_FILE}"] = dump_all(secrets)
    if chosen.entries:
        overlay["images"] = [{"name": old, "newName": new} for old, new in chosen.entries.items()]
    if merges:
        files[f"{MIDSTREAM}/{PATCHES_FILE}"] = dump_all(merges)
    if merges or edits:
        overlay["patches"] = [*([{"path": PATCHES_FILE}] if merges else []), *edits]
    files[f"{MIDSTREAM}/kustomization.yaml"] = _kustomization(overlay)
    if nameless:
        files[GENERATED_NAMES_FILE] = dump_all(nameless)
    return Layout(files, (*chosen.notes, *_left_out(carried, nameless)))


def _kustomization(fields: Mapping[str, Any]) -> str:
    return dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **fields})


def _refuse_duplicates(objects: Iterable[Patched]) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for obj in objects:
        before = obj.before
        version, kind = str(before.get("apiVersion", "")), str(before.get("kind", ""))
        key = (version, kind, namespace(before) or "default", name(before) or "")
        if key in seen:
            raise DuplicateObjectError(
                f"{title(before)} is there twice, and kustomize takes an object once; remove one"
            )
        seen.add(key)


def _left_out(carried: Sequence[Patched], nameless: Sequence[dict[str, Any]]) -> list[str]:
    notes = []
    if nameless:
        names = ", ".join(title(obj) for obj in nameless)
        notes.append(
            f"kustomize takes no objects without a name, so {names} is in {GENERATED_NAMES_FILE} for kubectl create"
        )
    for obj in carried:
        annotations = obj.before.get("metadata", {}).get("annotations")
        if isinstance(annotations, dict) and annotations.get(_LOCAL_ONLY, "false") != "false":
            notes.append(f"kustomize leaves out {title(obj.before)}, because of its annotation {_LOCAL_ONLY}")
    return notes


def _patches(obj: Patched, covered: frozenset[Path]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What entries don't do: a mapping to merge in, for new fields, and JSON patch operations (RFC 6902)."""
    merge: dict[str, Any] = {}
    operations: list[dict[str, Any]] = []
    for change in changes(obj.before, obj.after):
        if change.path in covered:
            continue
        if change.before is MISSING and all(isinstance(key, str) for key in change.path):
            _set(merge, change.path, change.after)
        else:
            operations.append(_operation(change))
    return merge, operations


def _set(merge: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        merge = merge.setdefault(str(key), {})
    merge[str(path[-1])] = value


def _operation(change: Change) -> dict[str, Any]:
    pointer = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in change.path)
    if change.after is MISSING:
        return {"op": "remove", "path": pointer}
    return {"op": "add" if change.before is MISSING else "replace", "path": pointer, "value": change.after}


def _identity(obj: dict[str, Any], merge: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if obj["metadata"].get(key) is not None}
    fields = {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), **merge}
    return fields | {"metadata": metadata | merge.get("metadata", {})}


def _target(obj: dict[str, Any]) -> dict[str, str]:
    """Names are regular expressions in a target; an object that names no namespace is in ``default`` to kustomize."""
    group, slash, version = str(obj.get("apiVersion")).rpartition("/")
    target = {"group": group} if slash else {}
    target |= {"version": version, "kind": str(obj.get("kind")), "name": re.escape(name(obj) or "")}
    return target | {"namespace": re.escape(namespace(obj) or "default")}

"""Objects and lists in the form that a request's Accept header asks for."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.fakekube.kinds import Kind

_META: Final = "meta.k8s.io/v1"


def shown(obj: Mapping[str, Any], kind: Kind, accept: str) -> dict[str, Any]:
    """One object, as the version and form that was asked for."""
    form = _form(accept)
    if form == "PartialObjectMetadata":
        return {"kind": form, "apiVersion": _META, "metadata": obj["metadata"]}
    if form == "Table":
        return _table([obj], str(obj["metadata"].get("resourceVersion") or ""))
    return {**obj, "apiVersion": kind.api_version, "kind": kind.kind}


def listed(items: Iterable[Mapping[str, Any]], kind: Kind, accept: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A list; items of built-in kinds don't say what they are."""
    form = _form(accept)
    if form == "Table":
        return _table(items, metadata["resourceVersion"]) | {"metadata": dict(metadata)}
    if form == "PartialObjectMetadataList":
        partial = [shown(item, kind, accept.replace("MetadataList", "Metadata")) for item in items]
        return {"kind": form, "apiVersion": _META, "metadata": dict(metadata), "items": partial}
    full = [shown(item, kind, "") for item in items]
    if not kind.custom:
        full = [{name: value for name, value in item.items() if name not in ("apiVersion", "kind")} for item in full]
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": dict(metadata),
        "items": full,
    }


def bookmark(version: int, kind: Kind, accept: str) -> dict[str, Any]:
    metadata = {"resourceVersion": str(version)}
    form = _form(accept)
    if form == "Table":
        return {"kind": "Table", "apiVersion": _META, "metadata": metadata, "columnDefinitions": [], "rows": []}
    if form == "PartialObjectMetadata":
        return {"kind": form, "apiVersion": _META, "metadata": metadata}
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}


def _form(accept: str) -> str:
    parts = dict(part.split("=", 1) for part in accept.split(";")[1:] if "=" in part)
    return parts.get("as", "")


def _table(items: Iterable[Mapping[str, Any]], version: str) -> dict[str, Any]:
    """Rows without objects, as ``includeObject=None`` asks for: their first cell is the name."""
    rows = [{"cells": [item["metadata"]["name"]], "object": None} for item in items]
    return {"kind": "Table", "apiVersion": _META, "metadata": {"resourceVersion": version}, "rows": rows}

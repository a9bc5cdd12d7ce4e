"""The tables of fields in docs/reference.md, as the definition has them; written by ``python -m harness.reference``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "kotsapps.kotsapp.dev.yaml"
PAGE = ROOT / "docs" / "reference.md"
_BLOCK = re.compile(r"(<!-- fields of (spec|status) -->\n).*?(<!-- end -->)", re.DOTALL)


def definition() -> dict[str, Any]:
    """The schema of the resource's only version."""
    document = yaml.safe_load(CRD.read_text())
    schema: dict[str, Any] = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below the schema with its path, ``[]`` behind a list's."""
    for name, inner in (schema.get("properties") or {}).items():
        at = f"{path}.{name}" if path else name
        yield at, inner
        yield from fields(inner, at)
        if isinstance(inner.get("items"), dict):
            yield from fields(inner["items"], f"{at}[]")


def table(part: str) -> str:
    """The table of ``spec`` or ``status``: path, type or values, default, what it is for."""
    rows = ["| field | type | default | |", "|---|---|---|---|"]
    for path, schema in fields(definition()["properties"][part]):
        kind = ", ".join(map(str, schema["enum"])) if "enum" in schema else _kind(schema)
        default = schema.get("default")
        shown = "" if default in (None, {}) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        text = " ".join(str(schema.get("description") or "").split()).replace("|", "\\|")
        rows.append(f"| `{path}` | {kind} | {shown} | {text} |")
    return "\n".join(rows) + "\n"


def written(page: str) -> str:
    """The page with its tables as they should be."""
    return _BLOCK.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)


def _kind(schema: dict[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items') or {})}s"
    return str(schema.get("format") or schema.get("type") or "object")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))

"""The three forms in which every reporting command prints: a table for people, JSON and YAML for programs; files."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.cells import cell_len

from kotsapp.cli.errors import CommandError
from kotsapp.redact import masked
from kotsapp.text import json_text, printable

_BETWEEN = "   "


def print_result(data: Mapping[str, Any], output: str, table: Callable[[], str]) -> None:
    """Print ``data`` as JSON or YAML, or what ``table`` makes when a person reads it; no secret that is known."""
    data = {name: _masked(value) for name, value in data.items()}
    if output == "json":
        sys.stdout.write(json_text(data))
    elif output == "yaml":
        sys.stdout.write(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True))
    else:
        print(masked(table()))


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Files by their names in the folder, which is made where there is none; their paths. Raises CommandError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror}") from None
    return [folder / name for name in files]


def print_tables(tables: Sequence[str]) -> None:
    """Tables for a person, one after the other, without a secret that is known."""
    if tables:
        print(masked("\n\n".join(tables)))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def cell(value: object) -> str:
    """A cell of a table: one line that steers no terminal, without a secret."""
    return printable(" ".join(masked(str(value)).split()))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as kubectl prints them: as wide as its cells, in a terminal and in a pipe; a row is always one line."""
    lines = [tuple(heads), *(tuple(map(cell, row)) for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        _BETWEEN.join(text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )

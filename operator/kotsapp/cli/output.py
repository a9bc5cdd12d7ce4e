"""The three forms in which every reporting command prints: a table for people, JSON and YAML for programs."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from rich.console import Console, RenderableType
from rich.table import Table

FORMATS = ("table", "json", "yaml")
# A pipe has no width; wrapped cells would break the lines that grep and awk look for.
PIPE_WIDTH = 400


def add_output_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=FORMATS, default="table", help="output format (default: table)")


def print_result(data: Mapping[str, Any], output: str, table: Callable[[], RenderableType]) -> None:
    """Print ``data`` as JSON or YAML, or what ``table`` makes when a person reads it."""
    if output == "json":
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    elif output == "yaml":
        sys.stdout.write(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True))
    else:
        console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
        console.print(table(), soft_wrap=True, markup=False, highlight=False, no_wrap=True)


def plain_table(*columns: str) -> Table:
    """A table as kubectl prints them: upper-case heads, no lines, three spaces between columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table

"""``kotsapp config``: what a release asks for, and a document to answer it with."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from kotsapp.cli.answers import read_answers
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.files import source_files
from kotsapp.cli.output import print_result, table
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import actions
from kotsapp.release.budget import for_command_line
from kotsapp.release.config_document import Config, Item
from kotsapp.release.config_result import config_of
from kotsapp.release.config_values import Answers
from kotsapp.release.files import expand
from kotsapp.release.raw import Texts, opened

# A description is for one line of a terminal.
_MAX_DEFAULT = 40
_NOT_ANSWERED = frozenset({"heading", "label"})


def run(args: argparse.Namespace) -> int:
    """List the items of a release's Config, or print a ConfigValues document to fill in."""
    found = _config(args)
    answers = read_answers(args.config_values)
    if args.output == "yaml":
        sys.stdout.write("\n".join(_document(found, answers)) + "\n")
        return EXIT_OK
    items = [_entry(item, found, answers) for item in found.items]
    print_result({"items": items}, args.output, lambda: _table(items))
    return EXIT_OK


def _config(args: argparse.Namespace) -> Config:
    """Raises CommandError."""
    files = source_files(args.files)
    budget = for_command_line()
    try:
        texts, _ = expand(files, budget)
        found = config_of(opened(texts, Texts(budget)))
    except ManifestError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None
    if found is None:
        origins = ", ".join(args.files)
        raise CommandError(f"{origins}: no Config (kots.io/v1beta1) is there, so nothing is asked for", EXIT_PROBLEM)
    return found


def _entry(item: Item, found: Config, answers: Answers) -> dict[str, Any]:
    return {
        "name": item.name,
        "type": item.type,
        "required": item.required,
        "default": item.default or item.value,
        "title": item.title,
        "group": item.group,
        "when": _condition(item, found),
        "hidden": item.hidden,
        "readonly": not item.editable,
        "choices": [name for name, _ in item.children],
        "given": item.name in answers.values,
    }


def _table(items: Sequence[Mapping[str, Any]]) -> str:
    asked = [item for item in items if not item["hidden"] and item["type"] not in _NOT_ANSWERED]
    heads = ("NAME", "TYPE", "REQUIRED", "GIVEN", "DEFAULT", "TITLE")
    rows = [
        (
            item["name"],
            item["type"],
            _required(item),
            "yes" if item["given"] else "-",
            _shortened(item["type"], item["default"]) or "-",
            item["title"] or "-",
        )
        for item in asked
    ]
    return table(heads, rows)


def _required(item: Mapping[str, Any]) -> str:
    """Whether it has to have a value: always, or where its condition, which depends on answers, holds."""
    if not item["required"]:
        return "-"
    return "if asked" if actions.has_calls(item["when"]) else "yes"


def _shortened(kind: str, default: str) -> str:
    """On one line; a call as it is written, for nothing is filled in here."""
    if kind == "password" and default and not actions.has_calls(default):
        return "***"
    text = " ".join(default.split())
    return text if len(text) <= _MAX_DEFAULT else text[: _MAX_DEFAULT - 3] + "..."


def _condition(item: Item, found: Config) -> str:
    """When it is asked for, of its own or for all of its group; empty for always."""
    return next(
        (when for when in (item.when, found.group_whens.get(item.group, "")) if actions.has_calls(when)), item.when
    )


def _document(found: Config, answers: Answers) -> Iterator[str]:
    """A ConfigValues document: what is required anyway to fill in, the rest as comments with what it is without it."""
    yield "apiVersion: kots.io/v1beta1"
    yield "kind: ConfigValues"
    yield "metadata:"
    yield "  name: config"
    yield "spec:"
    yield "  values:"
    for item in found.items:
        if item.editable and not item.hidden:
            for one in _answered_by(item):
                yield from _lines(one, _condition(item, found), answers)


def _answered_by(item: Item) -> list[Item]:
    """What takes the answer: of several choices each one, as a boolean of its own."""
    if item.type != "select_many":
        return [item]
    of = f"{item.title or item.name}: "
    return [
        replace(item, name=name, type="bool", title=of + (title or name), children=()) for name, title in item.children
    ]


def _lines(item: Item, when: str, answers: Answers) -> Iterator[str]:
    given, depends = item.name in answers.values, actions.has_calls(when)
    required = "required if asked" if item.required and depends else "required" if item.required else ""
    remarks = [item.type, required, f"when: {_line(when)}" if depends else ""]
    if item.children:
        remarks.append("one of " + ", ".join(name for name, _ in item.children))
    if item.pattern:
        remarks.append(_line(item.pattern_message or f"matches {item.pattern}"))
    yield f"    # {_line(item.title or item.name)} ({'; '.join(part for part in remarks if part)})"
    if item.help_text:
        yield f"    # {_line(item.help_text)}"
    default = item.default or item.value
    value = answers.values[item.name] if given else default
    mark = "" if given or (item.required and not default and not depends) else "# "
    yield f"    {mark}{_scalar(item.name)}:"
    yield f"    {mark}  value: {_scalar(value)}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _scalar(value: Any) -> str:
    """As one line of YAML; texts that look like something else are quoted."""
    for style in ('"' if value == "" else None, '"'):
        text = yaml.safe_dump(value, allow_unicode=True, width=float("inf"), default_style=style)
        text = text.removesuffix("...\n").rstrip("\n")
        if "\n" not in text:
            break
    return text

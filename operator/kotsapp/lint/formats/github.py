"""Workflow commands of GitHub Actions: annotations at a file's line.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterator

from kotsapp.lint.findings import Finding, Level, Location, Report
from kotsapp.text import printable

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_MESSAGE, ":": "%3A", ",": "%2C"}


def text(report: Report) -> str:
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        at = finding.location
        properties = {"file": at.path, "line": str(at.file_line or ""), "title": finding.rule}
        parameters = ",".join(f"{name}={_escaped(value, _PROPERTY)}" for name, value in properties.items() if value)
        yield f"::{_COMMANDS[finding.level]} {parameters}::{_escaped(message(finding), _MESSAGE)}"


def message(finding: Finding) -> str:
    """The message, with the place where the line that is pointed at doesn't say it."""
    at = finding.location
    is_shown = at == Location(at.path, "", at.file_line)
    return finding.message if is_shown else f"{at}: {finding.message}"


def _escaped(value: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(character, character) for character in printable(value, keep="\r\n"))

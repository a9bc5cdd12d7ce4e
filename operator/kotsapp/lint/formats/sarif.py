"""SARIF 2.1.0, which code scanning reads. https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from kotsapp import __version__
from kotsapp.lint.findings import RULES, Finding, Location, Report
from kotsapp.lint.formats.github import message
from kotsapp.text import json_text, printable

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"


def text(report: Report) -> str:
    return json_text(document(report))


def document(report: Report) -> dict[str, Any]:
    rules = list(RULES)
    driver = {
        "name": "kotsapp",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": description}} for rule, description in RULES.items()],
    }
    results = [_result(finding, rules.index(finding.rule)) for finding in report.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": str(finding.level),
        "message": {"text": printable(message(finding), keep="\n")},
    }
    if finding.location.path:
        result["locations"] = [{"physicalLocation": _physical(finding.location)}]
    return result


def _physical(at: Location) -> dict[str, Any]:
    region = {"region": {"startLine": at.file_line}} if at.file_line else {}
    return {"artifactLocation": {"uri": _uri(at.path)}, **region}


def _uri(file: str) -> str:
    """Relative as it was given, or with the scheme where it is absolute."""
    path = PurePath(file)
    if path.is_absolute():
        return path.as_uri()
    # A colon in the first part would read as a scheme.
    return quote(path.as_posix().encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=@")

"""What ``kotsapp lint`` says of a release, in each form that it can be asked for."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from kotsapp.cli.answers import read_answers
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM
from kotsapp.cli.files import UNNAMED
from kotsapp.cli.output import cell, table
from kotsapp.lint.check import check
from kotsapp.lint.findings import KINDS, Entry, Finding, Level, Location, Report
from kotsapp.release.helm_engine import Engine
from kotsapp.release.helm_process import find_program
from kotsapp.release.source_file import SourceFile
from kotsapp.text import counted, json_text


def lint(args: argparse.Namespace, files: Sequence[SourceFile], engine: Engine | None) -> int:
    """Print what was found in a release; exit code 1 with findings of a level that fails.

    ``engine`` waits for the template calls. Raises CommandError.
    """
    report = check(files, UNNAMED, read_answers(args.config_values), lambda: find_program(args.helm), engine)
    failing = Level(args.fail_on).and_worse
    sys.stdout.write(_text(report, args, failing))
    return EXIT_PROBLEM if any(finding.level in failing for finding in report.findings) else EXIT_OK


def _text(report: Report, args: argparse.Namespace, failing: frozenset[Level]) -> str:
    # Each form is loaded for whom it is for: JUnit's takes a tenth of the time that all else takes.
    match args.output:
        case "json":
            return json_text(_data(report))
        case "sarif":
            from kotsapp.lint.formats import sarif

            return sarif.text(report)
        case "junit":
            from kotsapp.lint.formats import junit

            return junit.text(report, failing)
        case "github":
            from kotsapp.lint.formats import github

            return github.text(report)
    return _tables(report, listed=args.list)


def _data(report: Report) -> dict[str, Any]:
    entries = {f"{kind}s": [_entry(entry) for entry in report.entries if entry.kind == kind] for kind in KINDS}
    return {"findings": [_finding(one) for one in report.findings], "summary": report.counts(), **entries}


def _finding(finding: Finding) -> Mapping[str, Any]:
    head = {"rule": finding.rule, "level": str(finding.level), "message": finding.message}
    return {**head, **_where(finding.location)}


def _entry(entry: Entry) -> Mapping[str, Any]:
    return {entry.kind: entry.what, "use": entry.use, **_where(entry.location)}


def _where(at: Location) -> Mapping[str, Any]:
    return {"file": at.file or None, "inside": at.inside or None, "line": at.line or None}


def _tables(report: Report, *, listed: bool) -> str:
    parts = []
    if listed and report.entries:
        rows = [(entry.location, entry.kind, entry.what, entry.use) for entry in report.entries]
        parts.append(table(("WHERE", "WHAT", "NAME", "USE"), rows))
    # As compilers write it, so that editors and people find the line.
    parts += ["\n".join(cell(f"{one.location}: {one.level}: {one.message} ({one.rule})") for one in report.findings)]
    parts.append(_summary(report))
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Report) -> str:
    counts = report.counts()
    there = ", ".join(counted(counts[f"{kind}s"], "template call" if kind == "call" else kind) for kind in KINDS)
    levels = ", ".join(counted(counts[f"{level}s"], str(level)) for level in Level)
    return f"{there}: {levels}"

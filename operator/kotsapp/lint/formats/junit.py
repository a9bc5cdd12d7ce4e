"""JUnit's XML, as CI systems read it: a suite, a case for each finding, and one that passes for each clean file."""

from collections.abc import Collection, Iterator
from xml.sax.saxutils import escape, quoteattr

from kotsapp.lint.findings import Finding, Level, Location, Report
from kotsapp.text import printable

SUITE = "kotsapp lint"
# Not even escaped are these a part of XML 1.0.
_NO_CHARACTERS = dict.fromkeys((0xFFFE, 0xFFFF))


def text(report: Report, failing: Collection[Level] = (Level.ERROR,)) -> str:
    """``failing`` are the levels that are failures."""
    cases = [*_clean(report), *(_case(finding, fails=finding.level in failing) for finding in report.findings)]
    failures = sum(finding.level in failing for finding in report.findings)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={_value(SUITE)} {counts}>\n'
    return f"{head}  <testsuite name={_value(SUITE)} {counts}>\n{''.join(cases)}  </testsuite>\n</testsuites>\n"


def _clean(report: Report) -> Iterator[str]:
    found = {finding.location.file for finding in report.findings}
    for file in report.files:
        if file not in found:
            name = _value(str(Location(file)))
            yield f'    <testcase classname={name} name="nothing found"/>\n'


def _case(finding: Finding, *, fails: bool) -> str:
    at = finding.location
    where = {"file": at.path, "line": str(at.file_line or "")}
    attributes = "".join(f" {name}={_value(value)}" for name, value in where.items() if value)
    place = f":{at.line}" if at.line else ""
    name = " ".join(filter(None, (finding.rule, "at", f"{at.inside}{place}".removeprefix(":"))))
    name = name if at.inside or at.line else finding.rule
    head = f"    <testcase classname={_value(str(Location(at.file)))} name={_value(name)}{attributes}>"
    whole = f"{at}: {finding.message}"
    if fails:
        shown = f"<failure type={_value(finding.rule)} message={_value(finding.message)}>{_content(whole)}</failure>"
    else:
        shown = f"<system-out>{_content(f'{finding.level}: {whole}')}</system-out>"
    return f"{head}\n      {shown}\n    </testcase>\n"


def _value(text: str) -> str:
    return quoteattr(_valid(text))


def _content(text: str) -> str:
    return escape(_valid(text))


def _valid(text: str) -> str:
    return printable(text).translate(_NO_CHARACTERS)

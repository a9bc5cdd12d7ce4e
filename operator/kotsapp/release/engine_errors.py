"""What the template engine says when it fails: which text and call, and why. Pure."""

import re
from collections.abc import Iterable, Mapping

from kotsapp.regexes import regex
from kotsapp.release import template_chart
from kotsapp.release.actions import CLOSE, OPEN, Action
from kotsapp.release.filling import Subject
from kotsapp.release.template_chart import ChartWriter, Compiled

MAX_REASON = 300

_LINE = regex(rf"{template_chart.NAME}/templates/result\.yaml:(\d+)")
_WHERE = regex(rf"{template_chart.NAME}/templates/_text(\d+):(\d+)(?::(\d+))?")
_AT = regex(r"at <((?:(?!>:|at <).)*+)>:\s*", re.DOTALL)
_PARSE = regex(r"(?:parse error at \([^)]*\)|template: gotpl:\d+(?::\d+)?): ")
_MARK = regex(f"{OPEN}(\\d+){CLOSE}")
_QUOTED_VALUE = regex(r"(found|parsing|invalid value) \"(?:[^\"\\]++|\\.)*+\"")
_INNER = regex(r"error calling (?:include|get|set): ")


def located(complaint: str, writer: ChartWriter, numbers: Mapping[Action, int]) -> tuple[Subject, Action | None] | None:
    """The text that failed, and the call in it where that is known; None where the complaint names no text.

    ``numbers`` are those that calls have in the chart that ``writer`` wrote.
    """
    marked = _MARK.search(complaint)
    where = _WHERE.search(complaint)
    line = _LINE.search(complaint)
    if where:
        subject, text = writer.partials[int(where[1])]
        return subject, text.action_at(int(where[2]), int(where[3]) if where[3] else None)
    if line is None or int(line[1]) not in writer.subjects:
        return None
    subject, text = writer.subjects[int(line[1])]
    if marked:
        number = int(marked[1])
        return subject, next((action for action, known in numbers.items() if known == number), None)
    return subject, _quoted_action(complaint, text, numbers)


def reason(complaint: str, secrets: Iterable[str]) -> str:
    """Why, in Go's own words, without any of the ``secrets``, and at most ``MAX_REASON`` characters of it."""
    text = complaint[complaint.rfind("Error: ") :].removeprefix("Error: ").partition("\n\nUse --debug")[0]
    execution = re.match(r"execution error at \([^)]*\): ", text)
    ends = [match.end() for pattern in (_AT, _PARSE) for match in pattern.finditer(text)]
    start = execution.end() if execution else max(ends, default=0)
    text = _INNER.sub("", _MARK.sub("", text[start:]))
    text = _QUOTED_VALUE.sub(r'\1 "***"', " ".join(text.split()))
    for secret in secrets:
        text = text.replace(secret, "***")
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


def _quoted_action(complaint: str, text: Compiled, numbers: Mapping[Action, int]) -> Action | None:
    """The action of the second form that an error quotes the beginning of."""
    quoted = ["".join(found.split()).removesuffix("...") for found in _AT.findall(complaint)]
    for number, written in text.second.items():
        if quoted and quoted[-1] in "".join(written.split()):
            return next((action for action, known in numbers.items() if str(known) == number), None)
    return None

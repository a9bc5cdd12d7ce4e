"""A chart whose one manifest holds what template texts come to, for Helm's engine to execute (DESIGN 6.3).

Each text is a partial of its own, so that an error names it, and no brace of it but a call is a template's. What a text
reads is the engine's state: the Config's values, the context, the draws. The manifest fills in the Config's items one
after the other, each with the values of those before it, and then every other text.

A text may hold calls of both forms. The second form is filled in only after the first, as the reference does it: on
the way through the first they are marks, which are then replaced by their actions and executed by ``tpl``.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.regexes import regex
from kotsapp.release import functions
from kotsapp.release.actions import CLOSE, OPEN, Action
from kotsapp.release.filling import Subject
from kotsapp.release.rewriting import STATE

NAME = "kotsapp"
RESULT = "result: "
_PARTIAL = f"{NAME}/templates/_text"
_HEAD, _TAIL = f"{{{{ {STATE} := . }}}}{{{{ range {STATE}.once }}}}", "{{ end }}"
# A brace before an action's own would be taken for a part of it.
_BRACES = regex(r"\{\{|\{(?=$)")

# Fills in the calls of the second form in what those of the first have made of a text.
_SECOND_PASS = (
    """
{{- define "kots.second" -}}
{{- $actions := .actions -}}
{{- $parts := list -}}
{{- range $index, $part := splitList "OPEN" .text -}}
{{- if $index -}}
{{- $found := splitn "CLOSE" 2 $part -}}
{{- $parts = append $parts (get $actions $found._0) -}}
{{- $part = $found._1 -}}
{{- end -}}
{{- $part = regexReplaceAll "[{]$" ($part | replace "{{" "\\x00") "\\x01" -}}
{{- $part = $part | replace "\\x00" "{{`{{`}}" | replace "\\x01" "{{`{`}}" -}}
{{- $parts = append $parts $part -}}
{{- end -}}
{{- tpl (print `HEAD` (join "" $parts) `TAIL`) .state -}}
{{- end -}}
""".replace("OPEN", OPEN)
    .replace("CLOSE", CLOSE)
    .replace("HEAD", _HEAD)
    .replace("TAIL", _TAIL)
)

_STATE_FIELDS = ("asked", "authorities", "drawn", "named", "seen", "units")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A text for the engine; ``template`` is empty where it has no calls. ``second`` are the actions of the second
    form, by number, where the text has both forms. ``actions`` are where they stand in ``template``."""

    text: str = field(repr=False)
    template: str = field(default="", repr=False)
    second: Mapping[str, str] = field(default_factory=dict, repr=False)
    actions: tuple[tuple[int, int, Action], ...] = field(default=(), repr=False)

    def action_at(self, line: int, column: int | None) -> Action | None:
        """The action at a position of the template: ``line`` from 1, ``column`` in bytes; of the line, if None."""
        start = 0
        for _ in range(line - 1):
            start = self.template.find("\n", start) + 1
        end = self.template.find("\n", start)
        text = self.template[start:] if end < 0 else self.template[start:end]
        first, last = (start, start + len(text)) if column is None else (0, 0)
        if column is not None:
            first = last = start + len(text.encode()[:column].decode("utf-8", "ignore"))
        return next((action for begin, stop, action in self.actions if begin <= last and first < stop), None)


def compiled(
    text: str,
    first: Sequence[Action],
    second: Sequence[Action],
    written: Mapping[Action, str],
    numbers: Mapping[Action, int],
) -> Compiled:
    """A text for the engine, from its actions of both forms and from what each is ``written`` anew; ``numbers`` are
    what they are called in marks and errors."""
    if not (first and second):
        template, places = _template(text, first or second, written)
        return Compiled(text, template, {}, places)
    inner = [one for one in second if not any(other.start < one.end and one.start < other.end for other in first)]
    marks = {one: f"{OPEN}{numbers[one]}{CLOSE}" for one in inner}
    template, places = _template(text, sorted([*first, *inner], key=lambda one: one.start), {**written, **marks})
    return Compiled(text, template, {str(numbers[one]): written[one] for one in inner}, places)


def _template(
    text: str, actions: Sequence[Action], written: Mapping[Action, str]
) -> tuple[str, tuple[tuple[int, int, Action], ...]]:
    parts, places = [_HEAD], []
    position, length = 0, len(_HEAD)
    for action in actions:
        plain, anew = _plain(text[position : action.start]), written[action]
        parts += (plain, anew)
        places.append((length + len(plain), length + len(plain) + len(anew), action))
        length += len(plain) + len(anew)
        position = action.end
    parts += (_plain(text[position:]), _TAIL)
    return "".join(parts), tuple(places)


def _plain(text: str) -> str:
    return _BRACES.sub(lambda match: f"{{{{`{match[0]}`}}}}", text)


class ChartWriter:
    """Writes the chart: its files, its values, and which line of its manifest stands for what."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._literals: list[str] = []
        self._second: dict[str, Mapping[str, str]] = {}
        self._partials: dict[str, str] = {}
        self._lines: list[str] = []
        self.subjects: dict[int, tuple[Subject, Compiled]] = {}
        self.partials: list[tuple[Subject, Compiled]] = []
        state = " ".join(f'"{name}" dict' for name in _STATE_FIELDS)
        self._line(f'{STATE} := dict {state} "once" (list nil) "unit" "" "v" "" "args" list')
        for name in self._values:
            self._line(f'$_ := set {STATE} "{name}" (get .Values "{name}")')
        for name in functions.WHOLE_CONSTANTS:
            self._line(f'$_ := set {STATE}.constants "{name}" (int64 {STATE}.constants.{name})')
        self._line("$values := .Values")
        self._line("$items := dict")
        self._line("$texts := dict")

    def item(self, name: str, fields: Mapping[str, Compiled | str]) -> None:
        """An item of the Config; a field is a text to fill in, or what it is."""
        key = self._literal(name)
        for part in ("default", "value", "filename"):
            text = fields.get(part, "")
            unit = self._literal(f"config {name}" if part == "value" else f"config {name} {part}")
            if isinstance(text, str):
                self._line(f"${part} := {self._literal(text)}")
            else:
                self._text(f"${part} :=", text, Subject(name, part), unit)
        self._line(f"$_ := set $items {key} (dict `value` $value `default` $default)")
        self._line(f"$_ := set {STATE}.config {key} ($value | default $default)")
        self._line(f"$_ := set {STATE}.filenames {key} $filename")

    def text(self, key: str, text: Compiled, chart: str = "") -> None:
        """Another text; ``chart`` is the key, in the values ``charts``, of the chart that ``HelmValue`` asks."""
        self._line(f'$_ := set {STATE} "chart" (get $values.charts {self._literal(chart)} | default dict)')
        name = self._literal(key)
        self._text(f"$_ := set $texts {name}", text, Subject(key), name)

    def pattern(self, key: str, item: str, pattern: str, *, encoded: bool) -> None:
        """Whether an item's value matches a regular expression."""
        value = f"(get {STATE}.config {self._literal(item)}{' | b64dec' if encoded else ''})"
        matches = f"(mustRegexMatch {self._literal(pattern)} {value} | toString)"
        self._line(f"$_ := set $texts {self._literal(key)} {matches}")
        self.subjects[len(self._lines)] = (Subject(key), Compiled(""))

    def files(self) -> dict[str, str]:
        manifest = [f"{{{{- {line} -}}}}" for line in self._lines]
        result = 'dict "texts" $texts "items" $items'
        for name in ("drawn", "units", "asked"):
            result += f' "{name}" {STATE}.{name}'
        manifest.append(f"{RESULT}{{{{ {result} | toJson | b64enc }}}}")
        return {
            "Chart.yaml": f"apiVersion: v2\nname: {NAME}\nversion: 0.0.0\n",
            "templates/_functions.tpl": functions.DEFINITIONS.read_text(encoding="utf-8") + _SECOND_PASS,
            "templates/result.yaml": "\n".join(manifest) + "\n",
            **self._partials,
        }

    def values(self) -> dict[str, Any]:
        return {**self._values, "literals": self._literals, "second": self._second}

    def _text(self, assigned: str, text: Compiled, subject: Subject, unit: str) -> None:
        if not text.template:
            self._line(f"{assigned} {self._literal(text.text)}")
            return
        number = len(self.partials)
        self.partials.append((subject, text))
        self._partials[f"templates/_text{number}"] = text.template
        self._line(f'$_ := set {STATE} "unit" {unit}')
        value = f'(include "{_PARTIAL}{number}" {STATE})'
        if text.second:
            self._second[str(number)] = text.second
            actions = f"(index $values.second `{number}`)"
            value = f'(include "kots.second" (dict "state" {STATE} "text" {value} "actions" {actions}))'
        self._line(f"{assigned} {value}")
        self.subjects[len(self._lines)] = (subject, text)

    def _literal(self, text: str) -> str:
        """Texts go in as data: none is ever part of a template."""
        self._literals.append(text)
        return f"(index $values.literals {len(self._literals) - 1})"

    def _line(self, action: str) -> None:
        self._lines.append(action)


def result_of(output: bytes) -> dict[str, Any]:
    """What the chart's manifest says. Raises ValueError if it says nothing."""
    for line in output.decode().splitlines():
        if line.startswith(RESULT):
            found = json.loads(base64.b64decode(line.removeprefix(RESULT)))
            if isinstance(found, dict):
                return found
    raise ValueError("the engine printed no result")

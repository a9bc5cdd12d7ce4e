"""Fills in the template calls of a release: one process of Helm's for all of them (DESIGN 6.3).

What can't be filled in is reported all at once. Calls of unknown functions and the like are found before anything runs;
a call that fails when it runs stops the engine, which is then started anew without the text that holds it.
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kotsapp.manifests.limits import MIB
from kotsapp.release import actions, context, engine_errors, helm_engine, helm_process, template_chart
from kotsapp.release.actions import CLOSE, FIRST, OPEN, SECOND, Action, Problem, UnendedError
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.filling import Failure, Filled, ItemText, ItemValue, Request, Subject
from kotsapp.release.helm_engine import Engine
from kotsapp.release.rewriting import rewritten
from kotsapp.release.template_chart import ChartWriter, Compiled

# For one start of the engine, in seconds; thousands of calls take less than one.
TIMEOUT = 30.0
# Texts whose calls fail when they run are found one a start; after so many the others are not looked for.
MAX_FAILING = 20
# The engine quotes a whole text in some errors, and only the end of what it says is the reason.
MAX_COMPLAINT = 4 * MIB


class EngineError(HelmError):
    """The engine could not be used at all, or its bounds were met. The message says what to do."""


def fill(
    request: Request, find_program: Callable[[], Path], waiting: Engine | None = None, *, timeout: float = TIMEOUT
) -> Filled:
    """Fill in every text and item. ``timeout`` is in seconds, for one start of the engine; ``waiting`` is one that was
    started already.

    Raises EngineError, and HelmError or HelmMissingError where there is no engine.
    """
    try:
        program = find_program()
    except HelmMissingError:
        failures = _Run(request, timeout).failures
        if not failures:
            raise
        # What is wrong as it is written can be reported without an engine.
        return Filled(failures=failures)
    with ExitStack() as engines:
        if waiting is None or not waiting.waits:
            waiting = engines.enter_context(helm_engine.started(program))
        # While the engine starts.
        run = _Run(request, timeout)
        filled = run.tried(waiting)
    while filled is None:
        with helm_engine.started(program) as engine:
            filled = run.tried(engine)
    return filled


class _Run:
    """All that is filled in, over as many starts of the engine as that takes."""

    def __init__(self, request: Request, timeout: float) -> None:
        self._request = request
        self._timeout = timeout
        self._numbers: dict[Action, int] = {}
        self._written: dict[Action, str] = {}
        self._failures: list[Failure] = []
        self._starts = 0
        self._failed: set[Subject] = set()
        # Of a text that is no good any more, the calls that are known to fail: the others are still tried.
        self._muted: dict[Subject, set[Action]] = {}
        self._places = {Subject(text.key): text.place for text in request.texts}
        self._places |= {Subject(pattern.key): pattern.place for pattern in request.patterns}
        self._texts = {Subject(text.key): self._compiled(Subject(text.key), text.text) for text in request.texts}
        for item in request.items:
            for part, text in self._parts(item).items():
                self._places[Subject(item.name, part)] = item.place
                self._texts[Subject(item.name, part)] = self._compiled(Subject(item.name, part), text)

    def tried(self, engine: Engine) -> Filled | None:
        """What the engine filled in; None if something failed, which the next one is not given.

        Raises EngineError where it is not known what that is, and HelmError.
        """
        writer = self._writer()
        ran = engine.render(writer.files(), writer.values(), self._timeout, MAX_COMPLAINT)
        if ran.code == 0 and ran.output is not None:
            return self._filled(template_chart.result_of(ran.output))
        self._fail(ran, writer)
        return None

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures so far, of each text in the order of its lines."""
        order = {subject: number for number, subject in enumerate(self._places)}
        return tuple(sorted(self._failures, key=lambda one: (order[one.subject], one.place.line)))

    @staticmethod
    def _parts(item: ItemText) -> dict[str, str]:
        value = {} if item.given is not None else {"value": item.value}
        return {"default": item.default, **value, "filename": item.filename}

    def _compiled(self, subject: Subject, text: str) -> Compiled:
        """The text for the engine; what is wrong with its calls as they are written is noted at once."""
        if not actions.has_calls(text):
            return Compiled(text)
        if OPEN in text or CLOSE in text:
            self._add(subject, Problem(0, "", "the text holds the private-use characters U+FA11A or U+FA11B"))
            return Compiled("")
        try:
            first, second = actions.find(text, FIRST), actions.find(text, SECOND)
        except UnendedError as error:
            self._add(subject, error.problem)
            return Compiled("")
        wrong = [action for action in (*first, *second) if self._rewrite(subject, action)]
        # Where there are both forms, what the first leaves of the second is known only when it runs.
        unbalanced = [*actions.balance(first), *(actions.balance(second) if not first else ())]
        for problem in unbalanced:
            self._add(subject, problem)
        if unbalanced or (wrong and not self._mute(subject, *wrong)):
            return Compiled("")
        return self._written_anew(subject, text, first, second)

    def _rewrite(self, subject: Subject, action: Action) -> bool:
        """Whether something is wrong with an action as it is written."""
        number = self._numbers.setdefault(action, len(self._numbers))
        self._written[action], problems = rewritten(action, number)
        for problem in problems:
            self._add(subject, problem)
        return bool(problems)

    def _written_anew(self, subject: Subject, text: str, *found: Sequence[Action]) -> Compiled:
        first, second = found or (actions.find(text, FIRST), actions.find(text, SECOND))
        muted = self._muted.get(subject, ())
        written = {action: "" if action in muted else self._written[action] for action in (*first, *second)}
        return template_chart.compiled(text, first, second, written, self._numbers)

    def _writer(self) -> ChartWriter:
        request = self._request
        writer = ChartWriter(
            {
                "charts": request.charts,
                "config": dict(request.given),
                "constants": context.constants(request.context),
                "filenames": {},
                "images": request.context.local_images,
                "kept": request.kept,
                "license": request.context.license_fields,
            }
        )
        for item in request.items:
            fields: dict[str, Compiled | str] = {} if item.given is None else {"value": item.given}
            for part in self._parts(item):
                subject = Subject(item.name, part)
                fields[part] = "" if subject in self._failed else self._texts[subject]
            writer.item(item.name, fields)
        for pattern in request.patterns:
            if Subject(pattern.key) not in self._failed:
                writer.pattern(pattern.key, pattern.item, pattern.pattern, encoded=pattern.encoded)
        for text in request.texts:
            subject = Subject(text.key)
            if subject not in self._failed or subject in self._muted:
                writer.text(text.key, self._texts[Subject(text.key)], text.chart)
        return writer

    def _fail(self, ran: helm_process.Ran, writer: ChartWriter) -> None:
        """Record what failed, so that the next start leaves it out. Raises EngineError where that is not known."""
        if ran.code is None or ran.code in (-signal.SIGKILL, -signal.SIGXCPU):
            limit = f"{self._timeout:g} s" if ran.code is None else f"{helm_process.MAX_CPU_SECONDS} s of CPU"
            raise EngineError(f"filling in took longer than {limit}: {self._suspects(writer)}")
        if ran.output is None:
            problem = f"filling in made more than {helm_process.MAX_OUTPUT_BYTES // MIB} MiB of text"
            raise EngineError(f"{problem}: {self._suspects(writer)}")
        complaint = ran.complaint.decode("utf-8", "replace")
        if "out of memory" in complaint or "cannot allocate memory" in complaint:
            raise EngineError(f"filling in took too much memory: {self._suspects(writer)}")
        found = engine_errors.located(complaint, writer, self._numbers)
        reason = engine_errors.reason(complaint, (*self._request.context.secrets, *self._request.secrets))
        if found is None or (found[0] in self._failed and found[0] not in self._muted):
            raise EngineError(f"the template engine failed: {reason or f'helm ended with code {ran.code}'}")
        subject, action = found
        line, call = (action.line, action.call) if action is not None else (0, "")
        self._add(subject, Problem(line, call, reason))
        if action is None or not self._mute(subject, action):
            self._muted.pop(subject, None)
        elif subject in self._texts:
            self._texts[subject] = self._written_anew(subject, self._texts[subject].text)
        self._starts += 1
        if self._starts > MAX_FAILING:
            raise EngineError("; ".join(str(failure) for failure in self._failures[:MAX_FAILING]) + "; and maybe more")

    def _mute(self, subject: Subject, *failing: Action) -> bool:
        """Leave calls of a text out of it, so that what else fails in it can be found; not where others need them."""
        known = self._muted.setdefault(subject, set())
        if subject.field or any(action.is_structure or action in known for action in failing):
            del self._muted[subject]
            return False
        known.update(failing)
        return True

    def _suspects(self, writer: ChartWriter) -> str:
        """Where loops stand, which are what may not end."""
        looping = [
            f"{self._places[subject]}: {action.call}"
            for subject, text in writer.partials
            for _, _, action in text.actions
            if action.keyword == "range" or any(token.text in ("repeat", "until", "seq") for token in action.tokens)
        ]
        if not looping:
            return "some template call may not end"
        more = f" and {len(looping) - 3} more" if len(looping) > 3 else ""
        return f"one of these may not end: {'; '.join(looping[:3])}{more}"

    def _add(self, subject: Subject, problem: Problem) -> None:
        place = self._places[subject]
        if problem.line and not subject.field:
            place = place.at_line(max(place.line, 1) + problem.line - 1)
        self._failures.append(Failure(subject, place, problem.call, problem.reason))
        self._failed.add(subject)

    def _filled(self, result: Mapping[str, Any]) -> Filled:
        items = {name: ItemValue(entry["value"], entry["default"]) for name, entry in result["items"].items()}
        units = result["units"]
        return Filled(
            texts={key: text for key, text in result["texts"].items() if Subject(key) not in self._failed},
            items=items,
            failures=self.failures,
            drawn=result["drawn"],
            generated=frozenset(name for name in items if f"config {name}" in units),
            local_images=tuple(result["asked"]),
        )

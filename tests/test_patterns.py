"""No pattern of the project takes more than linear time, whatever it is given, nor memory: a quadratic one holds the
interpreter, and one that keeps each repetition of a group in mind takes a hundred times its text.

From every pattern its own attacks are derived: what leads to a repetition, then what the repetition (or a part of the
pattern) takes, many times over, then something that fits nothing.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
import tracemalloc
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import pytest

import kotsapp
from kotsapp.regexes import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterator

# A linear pattern reads this much in a fraction of a millisecond, a quadratic one in more than a tenth of a second.
LENGTH = 8 * 1024
MOST_SECONDS = 0.06
# An eighth of it takes a quadratic pattern a sixty-fourth of the time, and all others much less than this.
SHORT, SUSPICIOUS_SECONDS = LENGTH // 8, MOST_SECONDS / 200
# A repetition that may be given back is kept in mind with about 150 bytes.
MOST_BYTES_PER_CHARACTER = 16
PATTERNS = (re.Pattern, LazyPattern)
REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
SINGLE = {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN}
ENDINGS = ("", "\x00", "\n!")
CANDIDATES = "aA0-_./:@ \t\n\"'\\`{}[](),=%#$+~\x00\u00e9"
METHODS = {"match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split"}
SEARCHING = METHODS - {"match", "fullmatch"}


@dataclass
class Used:
    """A pattern and the ways in which the project asks it."""

    pattern: re.Pattern[Any]
    methods: set[str]


def project_patterns() -> dict[str, Used]:
    """Compiled patterns of all modules, and those that are given to ``re`` as literals."""
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(kotsapp.__path__, "kotsapp.")
        if not info.name.endswith("__main__")
    ]
    trees = [ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in modules]
    asked: dict[tuple[str, str], set[str]] = {}
    found: dict[str, Used] = {}
    for module, tree in zip(modules, trees, strict=True):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in METHODS
                and isinstance(node.value, (ast.Name, ast.Attribute))
            ):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                # Patterns of other modules are asked as well, but not private ones.
                asked.setdefault((module.__name__ if name.startswith("_") else "", name), set()).add(node.attr)
    for module, tree in zip(modules, trees, strict=True):
        named = [(name, value) for name, value in vars(module).items() if isinstance(value, PATTERNS)]
        for holder in vars(module).values():
            if isinstance(holder, type):
                named += [(name, value) for name, value in vars(holder).items() if isinstance(value, PATTERNS)]
            values = (
                holder.values() if isinstance(holder, dict) else holder if isinstance(holder, (tuple, list)) else ()
            )
            # Which method a pattern out of a collection is asked with is not looked for: any.
            named += [("", value) for value in values if isinstance(value, PATTERNS)]
        named += literal_patterns(tree)
        for name, pattern in named:
            used = found.setdefault(str(pattern.pattern), Used(pattern, set()))
            where = module.__name__ if name.startswith("_") else ""
            used.methods |= asked.get((where, name), {name} if name in METHODS else METHODS)
    return found


def literal_patterns(tree: ast.AST) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in METHODS
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.func.attr, re.compile(node.args[0].value)


def sample(items: Any, groups: dict[int, str]) -> str:
    """A text that the parsed pattern takes, more or less."""
    return "".join(sample_of(op, argument, groups) for op, argument in items)


def sample_of(op: Any, argument: Any, groups: dict[int, str]) -> str:
    if op is ops.LITERAL:
        return chr(argument)
    if op is ops.NOT_LITERAL:
        return next(c for c in CANDIDATES if ord(c) != argument)
    if op is ops.ANY:
        return "a"
    if op is ops.IN:
        return next(taken_by(argument), "a")
    if op in REPEATS:
        least, _, body = argument
        return sample(body, groups) * max(1, min(least, 8))
    if op is ops.BRANCH:
        return sample(argument[1][0], groups)
    if op is ops.SUBPATTERN:
        text = sample(argument[3], groups)
        groups[argument[0]] = text
        return text
    if op is ops.ATOMIC_GROUP:
        return sample(argument, groups)
    if op is ops.GROUPREF:
        return groups.get(argument, "")
    return ""


def taken_by(argument: Any) -> Iterator[str]:
    tree = parser.SubPattern(parser.State(), [(ops.IN, argument)])
    for candidate in CANDIDATES:
        if takes(argument, candidate):
            yield candidate
    for op, value in tree[0][1]:
        if op is ops.LITERAL:
            yield chr(value)
        elif op is ops.RANGE:
            yield chr(value[0])


def takes(argument: Any, candidate: str) -> bool:
    code, negated, hit = ord(candidate), False, False
    for op, value in argument:
        if op is ops.NEGATE:
            negated = True
        elif op is ops.LITERAL:
            hit |= code == value
        elif op is ops.RANGE:
            hit |= value[0] <= code <= value[1]
        elif op is ops.CATEGORY:
            classes = {"DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": lambda c: c.isalnum() or c == "_"}
            _, _, kind = str(value).partition("CATEGORY_")
            hit |= classes[kind.removeprefix("NOT_")](candidate) is not kind.startswith("NOT_")
    return hit is not negated


def pieces(items: Any, before: str, groups: dict[int, str]) -> Iterator[tuple[str, str]]:
    """What leads to each part of a pattern, and what that part takes."""
    for op, argument in items:
        if op in REPEATS:
            yield from pieces(argument[2], before, groups)
            yield before, sample(argument[2], groups)
        elif op is ops.BRANCH:
            for branch in argument[1]:
                yield from pieces(branch, before, groups)
                yield before, sample(branch, groups)
        elif op in {ops.SUBPATTERN, ops.ATOMIC_GROUP, ops.ASSERT, ops.ASSERT_NOT}:
            inner = argument if op is ops.ATOMIC_GROUP else argument[3 if op is ops.SUBPATTERN else 1]
            yield from pieces(inner, before, groups)
        elif op is ops.IN:
            yield from ((before, taken) for taken in list(taken_by(argument))[:4])
        before += sample_of(op, argument, groups)
    yield "", before


@dataclass(frozen=True)
class Attack:
    lead: str
    pump: str
    ending: str

    def text(self, length: int) -> str:
        return self.lead + self.pump * (length // len(self.pump)) + self.ending


def flags_of(pattern: re.Pattern[Any]) -> int:
    return pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags


def attacks(pattern: re.Pattern[Any]) -> Iterator[Attack]:
    found = list(dict.fromkeys(pieces(parser.parse(pattern.pattern, flags_of(pattern)), "", {})))
    before = ["", *sorted({lead for lead, _ in found if lead}, key=lambda lead: (len(lead), lead))[:3]]
    taken = list(dict.fromkeys(text for _, text in found if text))
    letters = list(dict.fromkeys("".join([*before, *taken])))[:9]
    pumps = dict.fromkeys([*taken[:12], *letters, *(a + b for a, b in product(letters, repeat=2)), *product_of(taken)])
    for lead, pump, ending in product(before, pumps, ENDINGS):
        yield Attack(lead, pump, ending)


def product_of(taken: list[str]) -> Iterator[str]:
    return (a + b for a, b in product(taken[:5], repeat=2) if a != b)


def seconds(used: Used, text: str) -> float:
    subject: Any = text.encode("latin-1", "replace") if isinstance(used.pattern.pattern, bytes) else text
    began = time.thread_time()
    for method in used.methods - SEARCHING:
        getattr(used.pattern, method)(subject)
    if used.methods & SEARCHING:
        for _ in used.pattern.finditer(subject):
            pass
    return time.thread_time() - began


def is_slow(used: Used, attack: Attack) -> bool:
    """By three looks: on a busy machine anything may take long once."""
    return seconds(used, attack.text(SHORT)) > SUSPICIOUS_SECONDS and all(
        seconds(used, attack.text(LENGTH)) > MOST_SECONDS for _ in range(3)
    )


def allocated(used: Used, text: str) -> int:
    """The most bytes that the pattern takes at once while it is asked."""
    tracemalloc.start()
    try:
        seconds(used, text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def keeps_repetitions(items: Any) -> bool:
    """Whether a group is repeated that may be given back: characters alone are counted, and not kept."""
    for op, argument in items:
        if op in REPEATS:
            body = list(argument[2])
            if op is not ops.POSSESSIVE_REPEAT and (len(body) > 1 or body[0][0] not in SINGLE):
                return True
            inner = [body]
        elif op is ops.BRANCH:
            inner = argument[1]
        elif op in {ops.SUBPATTERN, ops.ATOMIC_GROUP, ops.ASSERT, ops.ASSERT_NOT}:
            inner = [argument if op is ops.ATOMIC_GROUP else argument[3 if op is ops.SUBPATTERN else 1]]
        else:
            continue
        if any(map(keeps_repetitions, inner)):
            return True
    return False


def is_large(used: Used, attack: Attack) -> bool:
    return all(
        allocated(used, attack.text(length)) > 2 * MOST_BYTES_PER_CHARACTER * length for length in (SHORT, LENGTH)
    )


def large(used: Used) -> Attack | None:
    """An attack that takes much memory; how the text ends makes no difference to that."""
    if not keeps_repetitions(parser.parse(used.pattern.pattern, flags_of(used.pattern))):
        return None
    tried = (attack for attack in attacks(used.pattern) if not attack.ending)
    return next((attack for attack in tried if is_large(used, attack)), None)


def test_no_input_takes_memory_for_each_character() -> None:
    found = {name: f"{attack}, {used.methods}" for name, used in project_patterns().items() if (attack := large(used))}
    assert found == {}


def test_the_sweep_finds_a_pattern_that_keeps_each_repetition() -> None:
    """As this one was: 1 MiB of base64 without quotes took 140 MiB."""
    assert large(Used(re.compile(r"[a-z](?:[a-z0-9+/=]|:(?=[^ ]))*"), {"fullmatch"})) is not None
    assert large(Used(re.compile(r"[a-z](?:[a-z0-9+/=]|:(?=[^ ]))*+"), {"fullmatch"})) is None


def test_no_input_takes_more_than_linear_time() -> None:
    patterns = project_patterns()
    assert len(patterns) > 100
    slow = {
        name: f"{found}, {used.methods}"
        for name, used in patterns.items()
        if (found := next((attack for attack in attacks(used.pattern) if is_slow(used, attack)), None)) is not None
    }
    assert slow == {}, f"more than {MOST_SECONDS} s for {LENGTH} characters"


@pytest.mark.parametrize("quadratic", [r'"[^"\\]*(?:\\.[^"\\]*)*"', r"[\s\-?]*([A-Za-z0-9_./-]+:)(?:\s|$)"])
def test_the_sweep_finds_a_quadratic_pattern(quadratic: str) -> None:
    """As these two were: from every escaped quote in a text without an end, the end is looked for anew."""
    used = Used(re.compile(quadratic), {"finditer" if quadratic.startswith('"') else "match"})
    assert any(is_slow(used, attack) for attack in attacks(used.pattern))

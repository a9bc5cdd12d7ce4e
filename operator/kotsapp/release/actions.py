"""The actions of a template text, found as Go's lexer finds them (DESIGN 6.3). Nothing is executed here."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kotsapp.regexes import regex
from kotsapp.release import functions

# Private-use characters, which YAML allows anywhere in text and no manifest has a reason to use.
OPEN, CLOSE = "\U000fa11a", "\U000fa11b"
FIRST, SECOND = "{{repl", "repl{{"

_ANY = regex(r"\{\{repl|repl\{\{")
_NAME_BEHIND = regex(r"[A-Za-z_]\w*")
_TRIM = regex(r"-(?=\s)")
_COMMENT = regex(r"\s*+/\*.*?\*/\s*+(-?)\}\}", re.DOTALL)
_TOKEN = regex(
    r"""
    (?P<space>\s++)
  | (?P<end>(?:(?<=\s)-)?\}\})
  | (?P<text>"(?:[^"\\\n]|\\.)*+"|`[^`]*+`|'(?:[^'\\\n]|\\.)*+')
  | (?P<number>[+-]?\.?[0-9][\w.+]*+)
  | (?P<name>[^\W\d]\w*+)
  | (?P<chain>(?:\$\w*+)?(?:\.\w++)++|\$\w*+|\.)
  | (?P<assign>:?=)
  | (?P<mark>[(),|])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMES = functions.KNOWN | functions.KEYWORDS | functions.REFUSED.keys()
_BLOCKS = frozenset({"if", "range", "with"})
_BLOCK = regex(rf"(?:{_ANY.pattern})[\s-]*+(?:{'|'.join(sorted(_BLOCKS))})\b")


class Problem(NamedTuple):
    """A call that can't be carried out, the line of its text, from 1, on which it stands, and why."""

    line: int
    call: str
    reason: str


class Token(NamedTuple):
    """A tuple, since a release has thousands."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action: ``start`` and ``end`` are offsets in its text; ``call`` is what stands between the delimiters."""

    start: int
    end: int
    line: int
    call: str
    tokens: tuple[Token, ...] = field(compare=False)  # those of ``call``
    trims_left: bool
    trims_right: bool
    is_comment: bool = False

    @property
    def keyword(self) -> str:
        first = self.tokens[0] if self.tokens else None
        return first.text if first is not None and first.text in functions.KEYWORDS else ""

    @property
    def is_structure(self) -> bool:
        """Whether others depend on it: a part of a block, or the declaration of a variable."""
        return bool(self.keyword) or any(token.kind == "assign" for token in self.tokens)


class UnendedError(ValueError):
    """An action that has no end, or is otherwise no text of Go's template language."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def has_calls(text: str) -> bool:
    return any(_starts(text, match) for match in _ANY.finditer(text))


def find(text: str, delimiter: str) -> tuple[Action, ...]:
    """The actions with that left delimiter, in their order. Raises UnendedError."""
    return tuple(_found(text, delimiter))


def config_items(action: Action) -> Iterator[str]:
    """The items of the Config that an action asks for by a literal name, also through a pipe."""
    tokens = [token for token in action.tokens if token.kind != "space"]
    for index, token in enumerate(tokens):
        if token.kind == "name" and token.text in functions.CONFIG_FUNCTIONS:
            behind = tokens[index + 1] if index + 1 < len(tokens) else None
            if behind is not None and behind.kind == "text":
                yield literal(behind.text)
            elif index >= 2 and tokens[index - 1].text == "|" and tokens[index - 2].kind == "text":
                yield literal(tokens[index - 2].text)


def literal(text: str) -> str:
    """What a quoted text of Go's means; one with escapes that JSON does not have is left as it is written."""
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def draws(action: Action) -> bool:
    return any(token.kind == "name" and token.text in functions.DRAWN for token in action.tokens)


def balance(actions: Sequence[Action]) -> Iterator[Problem]:
    """Blocks that are not closed, and ends without a block."""
    open_blocks: list[Action] = []
    for action in actions:
        keyword = action.keyword
        if keyword in _BLOCKS:
            open_blocks.append(action)
        elif keyword in ("end", "else", "break", "continue"):
            inside = any(block.keyword == "range" for block in open_blocks) if keyword[0] in "bc" else bool(open_blocks)
            if not inside:
                yield Problem(
                    action.line, action.call, f"unexpected {{{{{keyword}}}}}: there is no block that it is in"
                )
            elif keyword == "end":
                open_blocks.pop()
    for block in open_blocks:
        yield Problem(block.line, block.call, "the block has no end: close it with an action end of the same form")


def is_open(text: str) -> bool:
    """Whether a block of one of the two forms begins that doesn't end; an end without a block is none.

    Nothing is open where an action has no end.
    """
    if _BLOCK.search(text) is None:
        return False
    try:
        return any(_is_open(find(text, delimiter)) for delimiter in (FIRST, SECOND))
    except UnendedError:
        return False


def _is_open(actions: Sequence[Action]) -> bool:
    depth = 0
    for action in actions:
        if action.keyword in _BLOCKS:
            depth += 1
        elif action.keyword == "end":
            depth = max(depth - 1, 0)
    return depth > 0


def _found(text: str, delimiter: str) -> Iterator[Action]:
    position, line, counted = 0, 1, 0
    for match in re.finditer(re.escape(delimiter), text):
        if match.start() < position or not _starts(text, match):
            continue
        line += text.count("\n", counted, match.start())
        counted = match.start()
        action = _action(text, match, line)
        position = action.end
        yield action


def _starts(text: str, match: re.Match[str]) -> bool:
    """Whether it is an action, not the beginning of a longer name such as ``{{replicas}}``."""
    if match[0] == SECOND:
        return True
    name = _NAME_BEHIND.match(text, match.end())
    return name is None or name[0] in _NAMES


def _action(text: str, match: re.Match[str], line: int) -> Action:
    position = match.end()
    trim = _TRIM.match(text, position)
    position = trim.end() if trim else position
    if comment := _COMMENT.match(text, position):
        return Action(match.start(), comment.end(), line, "", (), trim is not None, comment[1] == "-", True)
    tokens: list[Token] = []
    while found := _TOKEN.match(text, position):
        kind = found.lastgroup or ""
        if kind == "end":
            kept = _stripped(tokens)
            call = "".join(token.text for token in kept)
            left, right = trim is not None, found[0].startswith("-")
            return Action(match.start(), found.end(), line, call, kept, left, right)
        if kind == "other":
            break
        tokens.append(Token(kind, found[0]))
        position = found.end()
    raise UnendedError(Problem(line, match[0], _no_end(text, position, match[0])))


def _no_end(text: str, position: int, delimiter: str) -> str:
    stopped = text[position : position + 1]
    if not stopped or stopped in "\"`'":
        return f"the template action {delimiter} has no end: close it with }}}}, and close its quotes"
    return f"the template action {delimiter} has no end, or a character {stopped!r} in it that none may have"


def _stripped(tokens: list[Token]) -> tuple[Token, ...]:
    start, end = 0, len(tokens)
    while start < end and tokens[start].kind == "space":
        start += 1
    while end > start and tokens[end - 1].kind == "space":
        end -= 1
    return tuple(tokens[start:end])

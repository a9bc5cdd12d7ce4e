"""The actions of a template text, found as Go's lexer finds them, and written anew for Helm's engine (DESIGN 6.3).

Nothing is executed here. Helm's engine knows no ``{{repl … }}`` and no ``repl{{ … }}`` and no function of KOTS's, so
delimiters become its own, every other brace plain text, and a call ``F a b`` becomes
``list a b | set STATE "args" | include "F" | get STATE``: arguments that come through a pipe are appended to the list
as Go appends them to a call, and the result keeps its type.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kotsapp.release import functions

STATE = "$kotsapp"
# Private-use characters, which YAML allows anywhere in text and no manifest has a reason to use.
OPEN, CLOSE = "\U000fa11a", "\U000fa11b"
FIRST, SECOND = "{{repl", "repl{{"

_ANY = re.compile(r"\{\{repl|repl\{\{")
_NAME_BEHIND = re.compile(r"[A-Za-z_]\w*")
_TRIM = re.compile(r"-(?=\s)")
_COMMENT = re.compile(r"\s*+/\*.*?\*/\s*+(-?)\}\}", re.DOTALL)
_TOKEN = re.compile(
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
_BLOCKS = frozenset({"if", "range", "with"})
_NEITHER_TEMPLATES = "named templates are not supported here; write the text out where it is used"


@dataclass(frozen=True, slots=True)
class Problem:
    """A call that can't be carried out, the line of its text, from 1, on which it stands, and why."""

    line: int
    call: str
    reason: str


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action: ``start`` and ``end`` are offsets in its text; ``call`` is what stands between the delimiters."""

    start: int
    end: int
    line: int
    call: str
    tokens: tuple[Token, ...]
    trims_left: bool
    trims_right: bool
    is_comment: bool = False

    @property
    def keyword(self) -> str:
        first = self.tokens[0] if self.tokens else None
        return first.text if first is not None and first.text in functions.KEYWORDS else ""


class UnendedError(ValueError):
    """An action that has no end, or is otherwise no text of Go's template language."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def has_calls(text: str) -> bool:
    return any(_starts(text, match) for match in _ANY.finditer(text))


def find(text: str, delimiter: str) -> list[Action]:
    """The actions with that left delimiter, in their order. Raises UnendedError."""
    return list(_found(text, delimiter))


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


def functions_of(text: str) -> Iterator[str]:
    """The names of functions that a text calls, as far as it can be read."""
    for delimiter in (FIRST, SECOND):
        try:
            for action in _found(text, delimiter):
                yield from (token.text for token in action.tokens if token.kind == "name")
        except UnendedError:
            continue


def draws(action: Action) -> bool:
    return any(token.kind == "name" and token.text in functions.DRAWN for token in action.tokens)


def balance(actions: list[Action]) -> Iterator[Problem]:
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


def problems(action: Action) -> list[Problem]:
    """What is wrong with an action as it is written: functions that nobody knows, too many arguments, too few."""
    if not action.tokens and not action.is_comment:
        return [Problem(action.line, "", "missing value for command: there is nothing between the braces")]
    return _Rewriter(action).problems


def rewritten(action: Action, number: int) -> str:
    """The action in the delimiters and functions of Helm's engine, its lines kept; ``number`` names it in errors."""
    left, right = "{{-" if action.trims_left else "{{", "-}}" if action.trims_right else "}}"
    if not action.tokens:
        # What is left of a comment is the space that it trims.
        return f'{left} "" {right}'
    return f"{left} {_Rewriter(action, number).text} {right}"


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
    return name is None or name[0] in functions.KNOWN | functions.KEYWORDS | functions.REFUSED.keys()


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


@dataclass(slots=True)
class _Command:
    """One call of a pipeline: its function, and how many arguments it has so far."""

    piped: bool = False
    head: bool = True
    function: str = ""
    arguments: int = 0
    closing: str = ""


@dataclass(slots=True)
class _Rewriter:
    """Goes through an action's tokens once, with a stack of the parentheses that are open."""

    action: Action
    number: int = 0
    problems: list[Problem] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    stack: list[_Command] = field(default_factory=lambda: [_Command()])

    def __post_init__(self) -> None:
        apart = True
        for token in self.action.tokens:
            self._take(token, apart)
            apart = token.kind == "space"
        self._close()

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def _take(self, token: Token, apart: bool) -> None:
        command = self.stack[-1]
        if token.kind == "space":
            self.parts.append(token.text)
        elif token.kind == "name":
            self._name(token.text, command, apart)
        elif token.kind == "assign":
            self.parts.append(token.text)
            self.stack[-1] = _Command()
        elif token.text == "|":
            self._close()
            self.parts.append(" |")
            self.stack[-1] = _Command(piped=True)
        elif token.text == ")":
            self._close()
            self.parts.append(")")
            if len(self.stack) > 1:
                self.stack.pop()
        else:
            self._argument(command, apart)
            if token.text == "(":
                self.stack.append(_Command())
            self.parts.append(self._chain(token.text) if token.kind == "chain" else token.text)

    def _argument(self, command: _Command, apart: bool) -> None:
        if command.head:
            command.head = False
        elif apart:
            command.arguments += 1

    def _chain(self, text: str) -> str:
        """A text's data is nothing in the reference, so ``$`` is nothing too."""
        return f"{STATE}.nothing{text[1:]}" if text == "$" or text.startswith("$.") else text

    def _name(self, name: str, command: _Command, apart: bool) -> None:
        if name in functions.LITERALS:
            self._argument(command, apart)
            self.parts.append(name)
        elif name in functions.KEYWORDS:
            if name in ("define", "template", "block"):
                self._problem(_NEITHER_TEMPLATES)
            self.parts.append(name)
        elif not self._known(name):
            self.parts.append(name)
        elif command.head:
            command.head = False
            command.function = name
            self._head(name, command)
        else:
            self._argument(command, apart)
            self._bare(name)

    def _known(self, name: str) -> bool:
        if name in functions.REFUSED:
            self._problem(f"{name} is not filled in here: {functions.REFUSED[name]}; write the value out")
        elif name not in functions.KNOWN:
            self._problem(f'function "{name}" not defined: neither KOTS nor sprig has it; check how it is written')
        else:
            return True
        return False

    def _head(self, name: str, command: _Command) -> None:
        if name in functions.CONSTANTS:
            self.parts.append(f"{STATE}.constants.{name}")
        elif name == "ConfigOption":
            self.parts.append(f"get {STATE}.config")
        elif name == "fail":
            # The engine tells of a failing call where it began, not where it stands.
            self.parts.append(f'printf "{OPEN}{self.number}{CLOSE}%s"')
            command.closing = " | fail"
        elif name in functions.FUNCTIONS:
            self.parts.append(self._list(name))
            command.closing = self._call(name)
        else:
            self.parts.append(functions.ALIASES.get(name, name))

    def _bare(self, name: str) -> None:
        """A function as an argument: called with none of its own."""
        if name in functions.CONSTANTS:
            self.parts.append(f"{STATE}.constants.{name}")
        elif name in functions.FUNCTIONS:
            self._arity(name, 0)
            self.parts.append(f"({self._list(name)}{self._call(name)})")
        else:
            self.parts.append(functions.ALIASES.get(name, name))

    def _list(self, name: str) -> str:
        return f'list "{name}"' if functions.FUNCTIONS[name].definition == "kots.draw" else "list"

    def _call(self, name: str) -> str:
        definition = functions.FUNCTIONS[name].definition
        return f' | set {STATE} "args" | include "{definition}" | get {STATE}'

    def _close(self) -> None:
        command = self.stack[-1]
        if command.function:
            self._arity(command.function, command.arguments + command.piped)
        self.parts.append(command.closing)
        self.stack[-1] = replace(command, function="", closing="")

    def _arity(self, name: str, found: int) -> None:
        if name in functions.CONSTANTS:
            least = most = 0
        elif name in functions.FUNCTIONS:
            least, most = functions.FUNCTIONS[name].least, functions.FUNCTIONS[name].most
        else:
            return
        if not least <= found <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            self._problem(f"wrong number of args for {name}: want {wanted} got {found}")

    def _problem(self, reason: str) -> None:
        self.problems.append(Problem(self.action.line, self.action.call, reason))

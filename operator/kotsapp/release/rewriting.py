"""Actions written anew for Helm's engine (DESIGN 6.3).

It knows no ``{{repl … }}`` and no ``repl{{ … }}`` and no function of KOTS's, so delimiters become its own, and a call
``F a b`` becomes ``list a b | set STATE "args" | include "F" | get STATE``: arguments that come through a pipe are
appended to the list as Go appends them to a call, and the result keeps its type.
"""

from dataclasses import dataclass, field, replace

from kotsapp.release import functions
from kotsapp.release.actions import CLOSE, OPEN, Action, Problem, Token

STATE = "$kotsapp"
_NEITHER_TEMPLATES = "named templates are not supported here; write the text out where it is used"


def rewritten(action: Action, number: int) -> tuple[str, list[Problem]]:
    """The action in the delimiters and functions of Helm's engine, its lines kept; ``number`` names it in errors.

    And what is wrong with it as it is written: functions that nobody knows, too many arguments, too few.
    """
    left, right = "{{-" if action.trims_left else "{{", "-}}" if action.trims_right else "}}"
    if not action.tokens:
        empty = Problem(action.line, "", "missing value for command: there is nothing between the braces")
        # What is left of a comment is the space that it trims.
        return f'{left} "" {right}', [] if action.is_comment else [empty]
    rewriter = _Rewriter(action, number)
    return f"{left} {rewriter.text} {right}", rewriter.problems


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
            # The engine reports a failing call where it began, not where it stands.
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

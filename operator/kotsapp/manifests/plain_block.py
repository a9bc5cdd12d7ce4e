"""The plain part of YAML, read line by line: what most manifests are written in from end to end.

Mappings and lists in block style; scalars that are plain or in quotes without escapes, and flat lists and mappings of
such in braces, all on one line, in printable ASCII. A document that has anything else is left to libyaml, whole. Where
this reads a document, it reads what libyaml's events say, several times faster: manifests repeat their lines, and a
line is taken apart once.
"""

from enum import Enum
from typing import Any

from kotsapp.manifests import scalars
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.regexes import regex

# Lines kept, taken apart, while a source is read; then the memory starts anew. Long ones hardly repeat.
_KEPT_LINES = 8192
_LONGEST_KEPT = 160
# What an ordinary line adds to a document, a key and its value; and a comma in braces.
_NODES_PER_LINE = 2
_NODES_PER_COMMA = 2

_PLAIN = r"(?:[A-Za-z0-9_./]|-{1,2}(?=[A-Za-z0-9.]))(?:[A-Za-z0-9_./@+=,()$%*&!?~^;-]++|:(?=[^ ])|[ ](?=[^ #]))*+"
_LINE = regex(
    r"(?P<indent> *)(?P<dash>- )?(?:"
    r"""(?P<key>[A-Za-z0-9_./][A-Za-z0-9_./-]{0,200}|"(?P<quoted>[ !#-\[\]-~]{0,200})"):(?: +(?P<value>(?=[^ ]).*))?"""
    r"|(?P<item>(?=[^ ]).*))"
)
_PLAIN_VALUE = regex(_PLAIN)
_QUOTED_VALUE = regex(r"""\"([ !#-\[\]-~]*)\"|'([ -&(-~]*)'""")
_FLOW_SCALAR = r"""(?:-{0,2}[A-Za-z0-9_./][A-Za-z0-9_./@+=$()%*!~^;-]*|"[ !#-\[\]-~]*"|'[ -&(-~]*')"""
_FLOW_ENTRY = rf"""(?:[A-Za-z0-9_./][A-Za-z0-9_./-]*|"[ !#-\[\]-~]*"): +{_FLOW_SCALAR}"""
_FLOW_LIST = regex(rf"\[ *(?:{_FLOW_SCALAR}(?: *, *{_FLOW_SCALAR})*+ *)?\]")
_FLOW_MAPPING = regex(rf"\{{ *(?:{_FLOW_ENTRY}(?: *, *{_FLOW_ENTRY})*+ *)?\}}")
_FLOW_TOKEN = regex(_FLOW_SCALAR)
_FLOW_PAIR = regex(
    rf"""(?<![A-Za-z0-9_./-])(?P<key>[A-Za-z0-9_./][A-Za-z0-9_./-]*|"[^"]*"): +(?P<value>{_FLOW_SCALAR})"""
)
_NO_CONTENT = regex(r" *(?:#[ -~]*)?")


class _Kind(Enum):
    SCALAR = 0
    NOTHING = 1
    COLLECTION = 2


_Line = tuple[int, bool, str | None, _Kind, Any]


class Lines:
    """The lines of one source, taken apart; None for one without content."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[str, _Line | None] = {}

    def read(self, line: str) -> _Line | None:
        """Take a line apart. Raises ValueError if it needs libyaml."""
        entry = None if _NO_CONTENT.fullmatch(line) else _taken_apart(line)
        if len(line) <= _LONGEST_KEPT:
            if len(self.known) >= _KEPT_LINES:
                self.known.clear()
            self.known[line] = entry
        return entry


def most_nodes(text: str) -> int:
    """About how many nodes the text has, if it is plain: no less than half of them."""
    return _NODES_PER_LINE * (text.count("\n") + 1) + _NODES_PER_COMMA * text.count(",")


def read(text: str, lines: Lines) -> Any:
    """The document's value, which is a mapping or a list; None if the document needs libyaml."""
    try:
        return _read(text, lines)
    except ValueError:
        return None


def _read(text: str, lines: Lines) -> Any:
    """As ``read``; raises ValueError. One loop over the lines, however long: calls are what costs in Python."""
    known = lines.known
    scalar, nothing = _Kind.SCALAR, _Kind.NOTHING
    root: Any = None
    # Where the innermost open container stands and what it is, and the same for those around it.
    at = -1
    top: Any = None
    indents: list[int] = [at]
    containers: list[Any] = [top]
    # The mapping whose last key has no value yet; the next line decides what that is.
    waiting: Any = None
    waiting_key: str | None = None
    waiting_indent = 0
    for line in text.split("\n"):
        try:
            entry = known[line]
        except KeyError:
            entry = lines.read(line)
        if entry is None:
            continue
        indent, dash, key, kind, value = entry
        if waiting is not None or root is None:
            if root is None or indent > waiting_indent or (dash and indent == waiting_indent):
                top = [] if dash else {}
                if root is None:
                    root = top
                else:
                    waiting[waiting_key] = top
                at = indent
                indents.append(at)
                containers.append(top)
                if len(indents) > MAX_DEPTH:
                    raise ValueError
            else:
                waiting[waiting_key] = None
            waiting = None
        while at > indent or (at == indent and not dash and top.__class__ is list):
            indents.pop()
            containers.pop()
            at, top = indents[-1], containers[-1]
        if at != indent or dash != (top.__class__ is list):
            raise ValueError
        if dash:
            if key is None:
                top.append(value if kind is scalar else value.copy())
                continue
            at = indent + 2
            mapping: dict[str, Any] = {}
            top.append(mapping)
            top = mapping
            indents.append(at)
            containers.append(top)
            if len(indents) > MAX_DEPTH:
                raise ValueError
        if kind is scalar:
            top[key] = value
        elif kind is nothing:
            waiting, waiting_key, waiting_indent = top, key, at
        else:
            top[key] = value.copy()
    if waiting is not None:
        waiting[waiting_key] = None
    return root


def _taken_apart(line: str) -> _Line:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError
    indent, dash = len(match["indent"]), match["dash"] is not None
    if match["key"] is not None:
        try:
            key = scalars.key(match["key"]) if match["quoted"] is None else match["quoted"]
            if match["value"] is None:
                return indent, dash, key, _Kind.NOTHING, None
            return indent, dash, key, *_value(match["value"])
        except ValueError:
            # "- http://host: x" and the like
            raise ValueError from None
    if not dash:
        raise ValueError
    return indent, dash, None, *_value(match["item"])


def _value(text: str) -> tuple[_Kind, Any]:
    if _FLOW_LIST.fullmatch(text):
        return _Kind.COLLECTION, [_scalar(item) for item in _FLOW_TOKEN.findall(text)]
    if _FLOW_MAPPING.fullmatch(text):
        return _Kind.COLLECTION, {_key(m["key"]): _scalar(m["value"]) for m in _FLOW_PAIR.finditer(text)}
    return _Kind.SCALAR, _scalar(text)


def _key(text: str) -> str:
    return text[1:-1] if text.startswith('"') else scalars.key(text)


def _scalar(text: str) -> Any:
    """Raises ValueError if the text needs libyaml, or is in error: the event loop knows the line to name."""
    if _PLAIN_VALUE.fullmatch(text):
        return scalars.plain(text)
    quoted = _QUOTED_VALUE.fullmatch(text)
    if quoted is None:
        raise ValueError
    return quoted[1] if quoted[1] is not None else quoted[2]

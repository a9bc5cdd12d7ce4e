"""One YAML document, from libyaml's events to plain values.

libyaml's composer recurses and takes the process with it when a document is nested deeply; its parser does not. So
values are built here from the parser's events, in one loop with a stack of its own, and every bound is checked on the
way.
"""

import re
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from kotsapp.manifests import plain_block, scalars
from kotsapp.manifests.budget import ALIASES, NODES, Budget, Resource
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.manifests.limits import ALIAS_CHARACTERS_PER_NODE, MAX_DEPTH
from kotsapp.manifests.scalars import ScalarError
from kotsapp.regexes import regex

_MERGE_TAG = "tag:yaml.org,2002:merge"
_INNER_BYTE_ORDER_MARK = regex("(?<=[\n\r\x85\u2028\u2029])\ufeff")
_LINE_KEY = regex(r"[\s\-?]*+([A-Za-z0-9_./-]++:)(?:\s|$)")
_CONTENT = regex(r"^(?![ \t\ufeff]*(?:#|$)|---)", re.MULTILINE)


class _State:
    """What a container waits for, told apart from every key."""


_ROOT, _ITEM, _KEY, _MERGE = _State(), _State(), _State(), _State()


class Seen:
    """The plain scalars and lines that one source has shown so far: manifests repeat them."""

    __slots__ = ("keys", "lines", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.keys: dict[str, str] = {}
        self.lines = plain_block.Lines()


def read(text: str, place: Place, seen: Seen, budget: Budget) -> tuple[Any, Place]:
    """The document's value, None if it is empty, and the place of its first line with content.

    ``place`` is where the text starts. Raises ManifestError.
    """
    _refuse(text, place)
    value = _plain_document(text, seen, budget)
    if value is None:
        value = _built(text, place, seen, budget)
    first = _CONTENT.search(text)
    return value, place.at_line(place.line + (text.count("\n", 0, first.start()) if first else 0))


def _built(text: str, place: Place, seen: Seen, budget: Budget) -> Any:
    builder = _Builder(text, place, seen, budget)
    try:
        return builder.document()
    except ScalarError as error:
        raise builder.error(str(error)) from None
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        line = text[: error.position].count("\n")
        problem = f"the character U+{code:04X} is not allowed in YAML: remove it, or write it escaped in double quotes"
        raise ManifestError(place.at_line(place.line + line), problem) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        raise ManifestError(place.at_line(place.line + line), _syntax_problem(error, text, line)) from None


def _plain_document(text: str, seen: Seen, budget: Budget) -> Any:
    """The value of a document in the plainest style; None for the event loop to read it, and to keep the bounds."""
    nodes = plain_block.most_nodes(text)
    left = budget.left(NODES)
    if nodes > left:
        return None
    value = plain_block.read(text, seen.lines)
    if value is not None:
        budget.leave(NODES, left - nodes)
    return value


class _Builder:
    def __init__(self, text: str, place: Place, seen: Seen, budget: Budget) -> None:
        parser: Any = CParser(text)
        self._next_event = parser.get_event
        self._place = place
        self._seen = seen
        self._budget = budget
        self._event: Any = None
        # An anchor's value and its number of nodes; None while its container is still being filled.
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def error(self, problem: str) -> ManifestError:
        """An error at the event that was read last."""
        line = self._event.start_mark.line if self._event is not None else 0
        return ManifestError(self._place.at_line(self._place.line + line), problem)

    def exceeded(self, resource: Resource) -> ManifestError:
        return self.error(resource.problem.format(limit=self._budget.limit(resource) // resource.unit))

    def document(self) -> Any:
        self._next_event()
        self._event = self._next_event()
        if self._event.__class__ is StreamEndEvent:
            return None
        value = self._value()
        self._next_event()
        self._event = self._next_event()
        if self._event.__class__ is not StreamEndEvent:
            raise self.error("a second document follows without a separator; kubectl ignores it: put --- before it")
        return value

    def _value(self) -> Any:
        """The root node: one loop over the events up to its end, however long, since it runs once for every scalar and
        calls are what costs in Python.

        ``container`` is being filled; ``state`` is the key that waits for its value, or what the container waits for.
        """
        next_event, budget = self._next_event, self._budget
        values, keys, nodes = self._seen.values, self._seen.keys, budget.left(NODES)
        stack: list[tuple[Any, Any, str | None, int]] = []
        container: Any = None
        state: Any = _ROOT
        while True:
            self._event = event = next_event()
            kind = event.__class__
            nodes -= 1
            if kind is ScalarEvent:
                if state is _KEY:
                    text = event.value
                    if event.tag is None and event.implicit[0] and event.anchor is None and text != "<<":
                        try:
                            state = keys[text]
                        except KeyError:
                            state = keys[text] = scalars.key(text)
                    else:
                        state = self._unusual_key(event)
                    continue
                if event.tag is not None or event.anchor is not None:
                    value = scalars.in_json(self._unusual_scalar(event))
                elif event.implicit[0]:
                    text = event.value
                    try:
                        value = values[text]
                    except KeyError:
                        value = values[text] = scalars.plain(text)
                else:
                    value = event.value
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if state is _KEY:
                    raise self.error("a mapping or list can't be a key: write text before the colon")
                if len(stack) >= MAX_DEPTH:
                    raise self.error(f"is nested more than {MAX_DEPTH} deep: no Kubernetes object is")
                if nodes < 0:
                    raise self.exceeded(NODES)
                if event.anchor is not None:
                    self._anchors[event.anchor] = None
                stack.append((container, state, event.anchor, nodes))
                container, state = ({}, _KEY) if kind is MappingStartEvent else ([], _ITEM)
                continue
            elif kind is AliasEvent:
                value, added = self._alias(event.anchor)
                nodes -= added
                if state is _KEY:
                    if isinstance(value, (dict, list)):
                        raise self.error("a mapping or list can't be a key: write text before the colon")
                    state = scalars.key_of(value)
                    continue
                value = scalars.in_json(value)
            else:
                nodes += 1
                value = container
                container, state, anchor, before = stack.pop()
                if anchor is not None:
                    self._anchors[anchor] = (value, before - nodes + 1)
            if nodes < 0:
                raise self.exceeded(NODES)
            if state is _ITEM:
                container.append(value)
            elif state is _ROOT:
                budget.leave(NODES, nodes)
                return value
            elif state is _MERGE:
                self._merge(container, value, kind is AliasEvent)
                state = _KEY
            else:
                container[state] = value
                state = _KEY

    def _unusual_key(self, event: Any) -> Any:
        """A key that is quoted, tagged, anchored or the merge key."""
        if event.value == "<<" and (event.implicit[0] or event.tag == _MERGE_TAG):
            return _MERGE
        return scalars.key_of(self._unusual_scalar(event))

    def _unusual_scalar(self, event: Any) -> Any:
        """A scalar, not yet passed through JSON, with its tag heeded and its anchor kept."""
        if event.tag is not None:
            value = scalars.tagged(event.tag, event.value)
        else:
            value = scalars.resolve(event.value) if event.implicit[0] else event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        return value

    def _alias(self, name: str) -> tuple[Any, int]:
        """A copy of what the anchor holds, so that documents stay trees, and its number of nodes."""
        if name not in self._anchors:
            raise self.error(f"the alias *{name} has no anchor &{name} before it in this document")
        anchored = self._anchors[name]
        if anchored is None:
            raise self.error(f"the anchor &{name} contains itself: no Kubernetes object can")
        value, size = anchored
        if isinstance(value, str):
            size += len(value) // ALIAS_CHARACTERS_PER_NODE
        left = self._budget.left(ALIASES) - size
        self._budget.leave(ALIASES, left)
        if left < 0:
            raise self.exceeded(ALIASES)
        return _copy(value), size

    def _merge(self, container: dict[str, Any], value: Any, is_alias: bool) -> None:
        """Merged fields replace those written before the merge key, as kubectl does it; earlier list items win."""
        sources = [value] if isinstance(value, dict) else value
        if isinstance(value, list) and is_alias:
            sources = None
        if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
            raise self.error("the merge key << wants a mapping, an alias of one, or a list of these")
        for source in reversed(sources):
            container.update(source)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _refuse(text: str, place: Place) -> None:
    """What libyaml would take and kubectl does not."""
    mark = _INNER_BYTE_ORDER_MARK.search(text)
    if mark:
        problem = "has a byte-order mark (U+FEFF) at the start of a line: remove it"
        raise ManifestError(place.at_line(place.line + text.count("\n", 0, mark.start())), problem)
    first = _CONTENT.search(text)
    if first and text.startswith("%", first.start()):
        line = place.line + text.count("\n", 0, first.start())
        raise ManifestError(place.at_line(line), "YAML directives (lines starting with %) are refused, as by kubectl")


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """What libyaml says, with the line's key; never its value, which may be out of a Secret."""
    if error.problem == "did not find expected <document start>":
        return "is not YAML: more text follows the document's end; put --- before a further document"
    problem = f"is not YAML: {error.problem or 'syntax error'}"
    if error.context:
        problem += f" {error.context}"
    lines = text.split("\n", line + 1)
    found = lines[line] if line < len(lines) else ""
    key = _LINE_KEY.match(found)
    if found.lstrip(" ").startswith("\t"):
        problem += "; indent with spaces, not with tabs"
    elif key:
        problem += f", at {quote(key[1])}"
    return problem

"""A release's Config: its items, what was given for them, and what they come to (DESIGN 6.2).

Nothing here fills in a template call. ``item_texts`` says what is to be filled in and in which order, ``judge`` says
what is missing and wrong once that is done.
"""

import base64
import binascii
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.release import actions
from kotsapp.release.actions import FIRST, SECOND, UnendedError
from kotsapp.release.config_document import TRUE, Config, Item, as_text
from kotsapp.release.config_values import Answer, Answers
from kotsapp.release.filling import Filled, ItemText, Pattern, Text

_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_CLOSE_ENOUGH = 0.7


class ItemProblem(NamedTuple):
    """Why a release can't go on with the answers it has: a required item without one, or one that does not fit."""

    name: str
    title: str
    reason: str

    def __str__(self) -> str:
        title = f" ({quote(self.title)})" if self.title and self.title != self.name else ""
        return f"the Config's item {self.name}{title} {self.reason}"


class Verdict(NamedTuple):
    """``problems`` stand in the way; ``warnings`` do not. ``missing`` are names of required items without a value."""

    problems: tuple[ItemProblem, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def given(config: Config, answers: Answers) -> dict[str, str]:
    """The answers as text, by name: a bool item's as ``1`` and ``0``, the content of a file in base64; also those of
    names that no item has."""
    types = {item.name: item.type for item in config.items}
    types |= {name: "bool" for item in config.items if item.type == "select_many" for name, _ in item.children}
    return {name: _answer_text(value, types.get(name, "")) for name, value in answers.values.items()}


def unknown(config: Config, answers: Answers) -> Iterator[str]:
    """A warning for each name that no item has."""
    names = sorted(config.names)
    for name in answers.values:
        if name not in config.names and name not in answers.rows:
            close = difflib.get_close_matches(name, names, 1, _CLOSE_ENOUGH)
            hint = f" (did you mean {close[0]}?)" if close else ""
            yield f"a value is given for {quote(name)}, which no item of the release's Config has{hint}"


def item_texts(config: Config, values: Mapping[str, str], kept: Mapping[str, str]) -> tuple[ItemText, ...]:
    """What each item is filled in from, every one behind those that it asks for. ``values`` are what was given,
    ``kept`` what was drawn before, by name.

    An editable item keeps what was given; one that was generated keeps that, as long as its value still is random; any
    other takes what is written for it. Raises ManifestError for items that ask for each other in a circle.
    """
    rows = {name: text for item in config.items for name, text in item.rows.items()}
    found = [_item_text(item, config.place, values, kept) for item in _in_order(config)]
    return (*found, *(ItemText(name, config.place, given=values.get(name, text)) for name, text in rows.items()))


def condition_texts(config: Config) -> tuple[Text, ...]:
    """What says whether items and groups are asked for at all, as far as that is not plain."""
    whens = {_group_key(name): when for name, when in config.group_whens.items()}
    whens |= {_when_key(item.name): item.when for item in config.items if item.required or item.pattern}
    return tuple(Text(key, when, config.place) for key, when in whens.items() if actions.has_calls(when))


def patterns(config: Config) -> tuple[Pattern, ...]:
    return tuple(
        Pattern(_pattern_key(item.name), item.name, item.pattern, config.place, encoded=item.type == "file")
        for item in config.items
        if item.pattern
    )


def judge(config: Config, filled: Filled) -> Verdict:
    """What is missing, and what does not fit its pattern."""
    problems: list[ItemProblem] = []
    missing: list[str] = []
    warnings = [str(failure) for failure in filled.failures if failure.subject.field]
    for item in config.items:
        value = filled.items[item.name].effective
        asked = _holds(config.group_whens.get(item.group, ""), _group_key(item.group), filled)
        asked = asked and not item.hidden and _holds(item.when, _when_key(item.name), filled)
        if not asked:
            continue
        if item.required and item.editable and not value and not any(filled.items[row].effective for row in item.rows):
            missing.append(item.name)
            problems.append(ItemProblem(item.name, item.shown, f"is required and has no value: {_how(item.name)}"))
        elif value and item.pattern:
            problems += _misfit(item, filled)
        if value and item.type == "file" and not _is_base64(value):
            warnings.append(f"the Config's item {item.name} is a file: its value should be the content in base64")
    return Verdict(tuple(problems), tuple(missing), tuple(warnings))


def _misfit(item: Item, filled: Filled) -> Iterator[ItemProblem]:
    broken = next((one for one in filled.failures if one.subject.name == _pattern_key(item.name)), None)
    if broken is not None:
        reason = f"has a validation.regex that can't be used ({broken.reason}): tell the vendor"
        yield ItemProblem(item.name, item.shown, reason)
    elif filled.texts.get(_pattern_key(item.name)) == "false":
        said = item.pattern_message or f"it must match {quote(item.pattern)}"
        yield ItemProblem(item.name, item.shown, f"has a value that does not fit: {said}; {_how(item.name)}")


def _how(name: str) -> str:
    return f"set {name} in spec.config.values, or in the file given with --config-values"


def _holds(when: str, key: str, filled: Filled) -> bool:
    """What is empty, or neither true nor false, holds, as in the reference."""
    text = filled.texts.get(key, "") if actions.has_calls(when) else when
    return text.strip() not in _FALSE


def _item_text(item: Item, place: Place, values: Mapping[str, str], kept: Mapping[str, str]) -> ItemText:
    own = values.get(item.name) if item.editable else None
    if own is None and item.editable and item.name in kept and _draws(item.value):
        own = kept[item.name]
    return ItemText(item.name, place, item.default, item.value, item.filename, own)


def _draws(text: str) -> bool:
    return any(actions.draws(action) for action in _actions(text))


def _actions(text: str) -> list[actions.Action]:
    """None in a text that can't be read: filling it in reports that."""
    try:
        return [*actions.find(text, FIRST), *actions.find(text, SECOND)] if actions.has_calls(text) else []
    except UnendedError:
        return []


def _in_order(config: Config) -> Iterator[Item]:
    by_name = {item.name: item for item in config.items}
    waits = {
        name: {
            asked
            for text in (item.default, item.value)
            for action in _actions(text)
            for asked in actions.config_items(action)
            if asked in by_name
        }
        for name, item in by_name.items()
    }
    while waits:
        ready = [name for name, others in waits.items() if not others & waits.keys()]
        if not ready:
            raise ManifestError(config.place, _circle(waits))
        for name in ready:
            del waits[name]
            yield by_name[name]


def _circle(waits: Mapping[str, set[str]]) -> str:
    """The items of one circle, from its first to its first again."""
    seen: list[str] = [next(iter(waits))]
    while seen.count(seen[-1]) < 2:
        seen.append(min(waits[seen[-1]] & waits.keys()))
    circle = seen[seen.index(seen[-1]) :]
    way = " -> ".join(circle)
    return f"items of the Config ask for each other in a circle ({way}): one of them has to do without"


def _answer_text(value: Answer, type_: str) -> str:
    if isinstance(value, bytes):
        if type_ == "file":
            return base64.b64encode(value).decode()
        # Files end their last line; who put one into a Secret didn't mean that of a password.
        text = value.decode("utf-8", "replace")
        return _answer_text(text if type_ == "textarea" else text.removesuffix("\n"), type_)
    if type_ == "bool" and (value in TRUE or value in _FALSE or isinstance(value, bool)):
        return "1" if value is True or value in TRUE else "0"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else as_text(value, "", Place(""))


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _group_key(name: str) -> str:
    return f"when of group {name}"


def _when_key(name: str) -> str:
    return f"when of {name}"


def _pattern_key(name: str) -> str:
    return f"pattern of {name}"


def problems_listed(problems: Iterable[ItemProblem]) -> str:
    return "; ".join(str(problem) for problem in problems)

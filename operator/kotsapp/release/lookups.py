"""Calls that are nothing but a look-up: one function of the context's with literal arguments.

Most releases that need no more are filled in without starting a process. What such a call comes to is the same as with
the engine, to which every text with any other call is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kotsapp.release import actions, context
from kotsapp.release.actions import CLOSE, FIRST, OPEN, SECOND, Action, UnendedError
from kotsapp.release.filling import Filled, ItemText, ItemValue, Request, Text

# What Go's trim marks take away.
_SPACE = " \t\r\n"


def fill(request: Request) -> tuple[Filled, Request | None]:
    """What can be filled in so, and what is left for the engine, None if nothing is.

    Items are filled in together or not at all, since those before decide what those behind them come to.
    """
    tables = _Tables(request)
    items = tables.items(request.items)
    if items is None:
        return Filled(), request
    texts: dict[str, str] = {}
    left: list[Text] = []
    for text in request.texts:
        value = tables.text(text.text)
        if value is None:
            left.append(text)
        else:
            texts[text.key] = value
    patterns = [pattern for pattern in request.patterns if tables.config.get(pattern.item)]
    texts |= {pattern.key: "true" for pattern in request.patterns if pattern not in patterns}
    filled = Filled(texts, items, local_images=tuple(tables.asked))
    if not left and not patterns:
        return filled, None
    return filled, replace(request, texts=left, items=(), patterns=patterns, given=tables.config)


def together(looked_up: Filled, engine: Filled) -> Filled:
    """What both filled in."""
    return Filled(
        texts={**looked_up.texts, **engine.texts},
        items={**looked_up.items, **engine.items},
        failures=engine.failures,
        drawn=engine.drawn,
        generated=engine.generated,
        local_images=tuple(dict.fromkeys((*looked_up.local_images, *engine.local_images))),
    )


@dataclass
class _Tables:
    request: Request
    config: dict[str, str] = field(init=False)
    filenames: dict[str, str] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)
    constants: Mapping[str, str | bool | int] = field(init=False)

    def __post_init__(self) -> None:
        self.config = dict(self.request.given)
        self.constants = context.constants(self.request.context)

    def items(self, texts: Sequence[ItemText]) -> dict[str, ItemValue] | None:
        found: dict[str, ItemValue] = {}
        for item in texts:
            default, filename = self.text(item.default), self.text(item.filename)
            value = item.given if item.given is not None else self.text(item.value)
            if default is None or value is None or filename is None:
                return None
            found[item.name] = ItemValue(value, default)
            self.config[item.name] = value or default
            self.filenames[item.name] = filename
        return found

    def text(self, text: str) -> str | None:
        """The text filled in; None if a call in it is more than a look-up."""
        if not actions.has_calls(text):
            return text
        if OPEN in text or CLOSE in text:
            return None
        try:
            first, second = actions.find(text, FIRST), actions.find(text, SECOND)
        except UnendedError:
            return None
        found = sorted([*first, *second], key=lambda action: action.start)
        # Between two forms a mark would take away what the other form's call has made.
        if first and second and any(action.trims_left or action.trims_right for action in found):
            return None
        return self._joined(text, found)

    def _joined(self, text: str, found: Sequence[Action]) -> str | None:
        parts: list[str] = []
        position, trims = 0, False
        for action in found:
            value = self._value(action)
            if value is None or action.start < position:
                return None
            before = text[position : action.start]
            before = before.lstrip(_SPACE) if trims else before
            parts += (before.rstrip(_SPACE) if action.trims_left else before, value)
            position, trims = action.end, action.trims_right
        last = text[position:]
        parts.append(last.lstrip(_SPACE) if trims else last)
        return "".join(parts)

    def _value(self, action: Action) -> str | None:
        tokens = [token for token in action.tokens if token.kind != "space"]
        if not tokens or tokens[0].kind != "name" or any(token.kind != "text" for token in tokens[1:]):
            return None
        name, arguments = tokens[0].text, [token.text for token in tokens[1:]]
        if any("\\" in argument or argument.startswith("'") for argument in arguments):
            return None
        return self._called(name, [argument[1:-1] for argument in arguments])

    def _called(self, name: str, arguments: Sequence[str]) -> str | None:
        match name, arguments:
            case ("ConfigOption", [item]):
                return self.config.get(item, "")
            case ("ConfigOptionEquals", [item, value]):
                return _boolean(self.config.get(item) == value)
            case ("ConfigOptionNotEquals", [item, value]):
                return _boolean(item in self.config and self.config[item] != value)
            case ("ConfigOptionFilename", [item]):
                return self.filenames.get(item, "")
            case ("LicenseFieldValue", [field_]):
                return self.request.context.license_fields.get(field_, "")
            case ("LocalImageName", [image]):
                self.asked[image] = None
                return self.request.context.local_images.get(image, image)
            case (_, []) if name in self.constants:
                known = self.constants[name]
                return _boolean(known) if isinstance(known, bool) else str(known)
        return None


def _boolean(value: bool) -> str:
    return "true" if value else "false"

"""The WWW-Authenticate header (RFC 9110, 11.6.1): several challenges in one header, several headers, any case.

A comma separates both parameters and challenges, so the text is walked once, left to right, and never split.
A part that is not understood is skipped up to the next comma: one odd challenge must not hide the next one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kotsapp.registry.limits import MAX_CHALLENGE, MAX_CHALLENGES, MAX_KEPT_CHALLENGE

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TOKEN68 = _TOKEN | frozenset("/=")
# Realms are URLs, and some servers forget the quotes around them.
_UNQUOTED = _TOKEN68 | frozenset(":?@[]")
_BLANK = " \t"
_KEPT = ("realm", "service", "scope")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge; ``scheme`` and the parameter names are lower case, values are unquoted."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        return self.parameters.get("service", "")

    @property
    def scope(self) -> str:
        return self.parameters.get("scope", "")

    @property
    def error(self) -> str:
        return self.parameters.get("error", "").lower()

    def kept(self) -> "Challenge | None":
        """What of it counts for the next image: of thousands of hosts it is kept. None where that is too long."""
        parameters = {name: self.parameters[name] for name in _KEPT if name in self.parameters}
        fits = sum(map(len, parameters.values())) <= MAX_KEPT_CHALLENGE
        return Challenge(self.scheme, parameters) if fits else None


def parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges of all WWW-Authenticate header values, in order.

    Never raises: what is malformed is left out. At most MAX_CHALLENGES, from at most MAX_CHALLENGE characters of all
    values together. The first of two parameters of one name counts.
    """
    found: list[Challenge] = []
    left = MAX_CHALLENGE
    for header in headers:
        found.extend(_Walk(header[:left]).challenges())
        left -= len(header)
        if left <= 0 or len(found) >= MAX_CHALLENGES:
            break
    return tuple(found[:MAX_CHALLENGES])


class _Walk:
    """One pass over one header value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        while True:
            self._skip(_BLANK + ",")
            if self._at >= len(self._text):
                return found
            name = self._take(_TOKEN)
            if not name:
                self._skip_part()
                continue
            blanks = self._skip(_BLANK)
            if self._peek() == "=" and found:
                self._parameter(name, found[-1])
            elif self._peek() in {"", ","} or blanks:
                found.append(Challenge(name.lower()))
                self._token68()
            else:
                self._skip_part()

    def _parameter(self, name: str, challenge: Challenge) -> None:
        """Read ``= value`` into the challenge, or skip the part when no value follows."""
        self._at += 1
        self._skip(_BLANK)
        value = self._quoted() if self._peek() == '"' else self._take(_UNQUOTED)
        if value:
            challenge.parameters.setdefault(name.lower(), value)
        else:
            self._skip_part()

    def _quoted(self) -> str | None:
        """A quoted string without its quotes and escapes; None when it never ends."""
        self._at += 1
        value: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == '"':
                return "".join(value)
            if char == "\\" and self._at < len(self._text):
                char = self._text[self._at]
                self._at += 1
            value.append(char)
        return None

    def _token68(self) -> None:
        """Skip a token68 (``Negotiate YII=``): text after the scheme that is no ``name=value``."""
        start = self._at
        text = self._take(_TOKEN68)
        end = self._at
        self._skip(_BLANK)
        is_token68 = bool(text) and self._peek() in {"", ","} and "=" not in text.rstrip("=")
        self._at = end if is_token68 else start

    def _skip_part(self) -> None:
        """To the next comma outside quotes."""
        while self._at < len(self._text) and self._text[self._at] != ",":
            if self._text[self._at] == '"':
                self._quoted()
            else:
                self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, chars: str) -> bool:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] in chars:
            self._at += 1
        return self._at > start

    def _take(self, chars: frozenset[str]) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] in chars:
            self._at += 1
        return self._text[start : self._at]

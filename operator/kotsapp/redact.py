"""No secret of an app in what is said about it: one filter for status, events, logs, metrics and reports (DESIGN 7).

A secret is found as it is, with percent signs, quoted as in JSON, and in base64 once and twice, whatever stands before
it there; in any case, since kinds and hosts are lower-cased on their way; and where a message was cut off inside it.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import Context, ContextVar
from urllib.parse import quote
from weakref import WeakSet

from kotsapp.regexes import regex

MASK = "***"
# Shorter texts are ports, numbers and words that messages need; they are also how many characters of one are looked up.
MIN_SECRET = 8
# Letters alone in one case are a word up to here: production, enterprise, postgresql.
MAX_WORD = 11
# Of names made of words: a longer run is one word, or several in camel case, and none of those is longer.
MAX_PIECE, MIN_PART, MAX_PART = 7, 3, 14
# An app's Secrets may hold megabytes. Whatever is beyond these, of each origin, is not looked for.
MAX_SECRETS = 2_000
MAX_SPELLED = 1_024
# As they are: spelled they take some twenty times that, as long as the app is worked on.
MAX_CHARACTERS = 128 * 1024

_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_NAME = regex(r"[A-Za-z0-9 ._,:/=-]{1,253}")
_PIECES = regex(r"[ ._,:/=-]")
_VOWEL = regex("[aeiouy]", re.IGNORECASE)
_CONSONANTS = regex("[^aeiouy]{5}", re.IGNORECASE)
# v1beta1, sha256, Node2, 512Mi
_SHORT = regex(r"[a-z]*+\d*+[a-z]*+\d*+|[A-Z]++[a-z]*+\d*+|\d++[A-Za-z]{1,2}")
_WORDS = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CUT = ("...", "\u2026")
# Spellings by how they begin.
_Index = Mapping[str, tuple[str, ...]]


class Redactor:
    """What one app's messages must not hold. It learns secrets by where they are from; what was known from there before
    is forgotten.

    ``text`` takes time for the message's length alone, however many secrets are known. One thread may learn while
    another one has messages masked: from when ``learn`` returns its secrets are masked.
    """

    def __init__(self) -> None:
        # Never changed, but replaced: by it is seen whether spellings are of what is known by now.
        self._known: Mapping[str, tuple[str, ...]] = {}
        self._spelled: tuple[Mapping[str, tuple[str, ...]], _Index] | None = None

    def learn(self, origin: str, secrets: Iterable[str]) -> None:
        """Know these secrets of ``origin``, in place of those that it had before; too short ones are passed over."""
        known = _bounded(piece for secret in secrets for piece in _pieces(secret))
        if self._known.get(origin, ()) != known:
            self._known = {**self._known, origin: known}

    def rest(self) -> None:
        """Nothing is said for a while: what is known takes less memory until then."""
        self._spelled = None

    def text(self, message: str) -> str:
        """The message with every secret in it masked."""
        known = self._index()
        if not known:
            return message
        folded = message.translate(_FOLDED)
        shown, end = [], 0
        for start in range(len(folded) - MIN_SECRET + 1):
            spellings = known.get(folded[start : start + MIN_SECRET])
            if spellings is None or start < end:
                continue
            found = max(_found(folded, start, spelling) for spelling in spellings)
            if found:
                shown += [message[end:start], MASK]
                end = start + found
        return "".join([*shown, message[end:]])

    def text_at_rest(self, message: str) -> str:
        """The same, for a single message: what is at rest is at rest again behind it."""
        spelled = self._spelled
        shown = self.text(message)
        if spelled is None:
            self.rest()
        return shown

    def holds(self, text: str) -> bool:
        """Whether there is a secret in it."""
        return self.text(text) != text

    def _index(self) -> "_Index":
        known, spelled = self._known, self._spelled
        if spelled is None or spelled[0] is not known:
            found = dict.fromkeys(secret for secrets in known.values() for secret in secrets)
            spelled = self._spelled = known, _index(found)
        return spelled[1]


class Shared:
    """Of something that is done for several apps at once, such as a watch: what is said holds no secret of any."""

    def __init__(self) -> None:
        self._of: WeakSet[Redactor] = WeakSet()

    def join(self) -> None:
        """The app about which this task speaks has a part in it from now on."""
        found = _current.get()
        if isinstance(found, Redactor):
            self._of.add(found)

    def context(self) -> Context:
        """For the task that does it: with nothing of the app for which it was begun."""
        context = Context()
        context.run(_current.set, self)
        return context

    def text(self, message: str) -> str:
        """The message with every secret of every app in it masked."""
        for redactor in list(self._of):
            message = redactor.text_at_rest(message)
        return message


# Of the app, or the apps, about which this task, or this run of the command line, speaks.
_current: ContextVar[Redactor | Shared | None] = ContextVar("redactor", default=None)


def use(redactor: Redactor) -> None:
    """From now on ``masked`` masks what this one knows, in this task and in those that it starts."""
    _current.set(redactor)


def current() -> Redactor:
    """The one in use; a new one, which knows nothing, where there is none."""
    found = _current.get()
    if not isinstance(found, Redactor):
        use(found := Redactor())
    return found


def masked(message: str) -> str:
    """The message without the secrets of the app, or the apps, that this task is about."""
    found = _current.get()
    return message if found is None else found.text(message)


def is_word(text: str) -> bool:
    """Whether it may well stand in a message without being meant: too short, or a word."""
    return len(text) < MIN_SECRET or (len(text) <= MAX_WORD and text.isalpha() and text[1:] == text[1:].lower())


def is_name(text: str) -> bool:
    """Whether it is made of words and short numbers, as names, paths, hosts and plain sentences are: ``web-shop``,
    ``/var/lib/data``, ``app.example.com``, ``RollingUpdate``, ``512Mi``.

    What is drawn at random is not: it has a run of more than ``MAX_PIECE`` letters and digits that is no word, or
    characters that names have not. A password of words between hyphens is taken for a name, so where somebody says that
    a value is secret this is not asked.
    """
    return _NAME.fullmatch(text) is not None and all(_is_plain(piece) for piece in _PIECES.split(text) if piece)


def _is_plain(piece: str) -> bool:
    if piece.isdigit() or (len(piece) <= MAX_PIECE and _SHORT.fullmatch(piece)):
        return True
    words = _WORDS.findall(piece)
    # Camel case by chance has many short words, and words without a vowel.
    return "".join(words) == piece and len(words) * MIN_PART <= len(piece) and all(map(_is_spoken, words))


def _is_spoken(word: str) -> bool:
    """Whether letters may be a word, or stand for one."""
    if len(word) <= MIN_PART or (word.isupper() and len(word) <= MAX_PIECE):
        return len(word) > 1
    return len(word) <= MAX_PART and _CONSONANTS.search(word) is None and _VOWEL.search(word) is not None


def spellings(secret: str) -> set[str]:
    """The secret as it may stand in a message, folded; none of them is shorter than ``MIN_SECRET``."""
    plain = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], " ".join(secret.split())}
    once = {piece for text in (secret, json.dumps(secret)[1:-1]) for piece in _in_base64(text)}
    twice = {piece for text in once for piece in _in_base64(text)}
    return {text.translate(_FOLDED) for text in plain | once | twice if len(text) >= MIN_SECRET}


def _bounded(secrets: Iterable[str]) -> tuple[str, ...]:
    """The first ones, each once; no more are taken than are kept."""
    known: dict[str, None] = {}
    left = MAX_CHARACTERS
    for secret in secrets:
        if secret not in known:
            left -= len(secret)
            if left < 0 or len(known) == MAX_SECRETS:
                break
            known[secret] = None
    return tuple(known)


def _pieces(secret: str) -> Iterator[str]:
    """The lines of a secret, each in parts of a length that can be looked for."""
    for line in secret.splitlines():
        text = line.strip()
        for start in range(0, len(text), MAX_SPELLED):
            piece = text[start : start + MAX_SPELLED]
            if len(piece) >= MIN_SECRET:
                yield piece


def _in_base64(text: str) -> Iterator[str]:
    """What is sure to be seen of a text inside base64, with no, one or two other bytes before it."""
    for before, unsure in enumerate((0, 2, 3)):
        data = b"\0" * before + text.encode()
        whole = base64.b64encode(data + b"\0" * (-len(data) % 3)).decode()
        piece = whole[unsure : len(data) * 8 // 6]
        yield piece
        yield piece.replace("+", "-").replace("/", "_")


def _index(secrets: Iterable[str]) -> _Index:
    """All spellings by their first characters."""
    found: dict[str, list[str]] = {}
    for secret in secrets:
        for spelling in spellings(secret):
            found.setdefault(spelling[:MIN_SECRET], []).append(spelling)
    return {first: tuple(of) for first, of in found.items()}


def _found(text: str, start: int, spelling: str) -> int:
    """How many characters from ``start`` on are the spelling, or all that a shortened message has of it; else 0."""
    if text.startswith(spelling, start):
        return len(spelling)
    rest = text[start : start + len(spelling)]
    common = next((at for at, (one, other) in enumerate(zip(rest, spelling, strict=False)) if one != other), len(rest))
    if text.startswith(_CUT, start + common):
        return common
    # A message that ends in a word, such as an object's name, isn't cut off: postgres, of a secret postgres://...
    whole = common < len(spelling) and not spelling[common].isalnum() and is_word(rest[:common])
    return common if start + common == len(text) and not whole else 0

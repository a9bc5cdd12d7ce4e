"""No secret of an app in what is said about it: one filter for status, events, logs, metrics and reports (DESIGN 7).

A secret is found as it is, with percent signs, quoted as in JSON, and in base64 once and twice, whatever stands before
it there; in any case, since kinds and hosts are lower-cased on their way; and where a message was cut off inside it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import Context, ContextVar
from weakref import WeakSet

from kotsapp.regexes import regex
from kotsapp.spellings import MIN_SECRET, SECOND, Index, folded, marks_of_all, packed

MASK = "***"
# Of names made of words: a longer run is one word, or several in camel case, and none of those is longer.
MAX_PIECE, MIN_PART, MAX_PART = 7, 3, 14
# An app's Secrets may hold megabytes. Whatever is beyond these, of each origin, is not looked for.
MAX_SECRETS = 2_000
MAX_SPELLED = 1_024
# As they are written down, \\uXXXX for what is not ASCII: by that their spellings grow. Apps at rest keep them.
MAX_CHARACTERS = 64 * 1024

# Of all the apps at rest that a message is about: each is spelled for it, which takes 70 microseconds.
MAX_AT_REST = 5_000

_NAME = regex(r"[A-Za-z0-9 ._,:/=-]{1,253}")
_PIECES = regex(r"[ ._,:/=-]")
_VOWEL = regex("[aeiouy]", re.IGNORECASE)
_CONSONANTS = regex("[^aeiouy]{5}", re.IGNORECASE)
# v1beta1, sha256, Node2, 512Mi
_SHORT = regex(r"[a-z]*+\d*+[a-z]*+\d*+|[A-Z]++[a-z]*+\d*+|\d++[A-Za-z]{1,2}")
_WORDS = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Redactor:
    """What one app's messages must not hold. It learns secrets by where they are from; what was known from there before
    is forgotten.

    ``text`` takes time for the message's length alone, however many secrets are known. One thread may learn while
    another one has messages masked: from when ``learn`` returns its secrets are masked.
    """

    def __init__(self) -> None:
        # Neither is ever changed, but replaced: what is known by origin, and where to look for it, for as long as the
        # app is worked on.
        self._known: Mapping[str, bytes] = {}
        self._indexes: Mapping[str, Index] = {}
        self._marks: tuple[tuple[Index, ...], bytes] = (), b""

    def learn(self, origin: str, secrets: Iterable[str]) -> None:
        """Know these secrets of ``origin``, in place of those that it had before; too short ones are passed over."""
        known = packed(_bounded(piece for secret in secrets for piece in _pieces(secret)))
        if self._known.get(origin, b"") != known:
            self._known = {**self._known, origin: known}
        self._looked_up_in()  # now, since this may be a thread, and what is said later is not said in one

    @property
    def size(self) -> int:
        """Bytes that it takes up."""
        return sum(index.size for index in self._looked_up_in()[0])

    @property
    def known_at_rest(self) -> int:
        """How many secrets would have to be spelled for a message; none while the app is worked on."""
        return 0 if self._indexes else sum(secrets.count(b"\n") + bool(secrets) for secrets in self._known.values())

    def rest(self) -> None:
        """Nothing is said for a while: what is known takes less memory until then."""
        self._indexes = {}
        self._marks = (), b""

    def text(self, message: str) -> str:
        """The message with every secret in it masked."""
        indexes, marks = self._looked_up_in()
        if not indexes:
            return message
        text, mask = folded(message), len(marks) - 1
        shown, end = [], 0
        for start in range(len(text) - MIN_SECRET + 1):
            # For each character of a status of a megabyte, so nothing else is done for most of them.
            hashed = hash(text[start : start + MIN_SECRET])
            if not marks[hashed & mask] or not marks[hashed >> SECOND & mask] or start < end:
                continue
            found = max(index.found(text, start, hashed) for index in indexes)
            if found:
                shown += [message[end:start], MASK]
                end = start + found
        return "".join([*shown, message[end:]])

    def text_at_rest(self, message: str) -> str:
        """The same, for a single message: what is at rest is at rest again behind it."""
        indexes = self._indexes
        shown = self.text(message)
        if not indexes:
            self.rest()
        return shown

    def holds(self, text: str) -> bool:
        """Whether there is a secret in it."""
        return self.text(text) != text

    def _looked_up_in(self) -> tuple[tuple[Index, ...], bytes]:
        """The indexes of all that is known, and the marks of all of them."""
        indexes, found = self._all_indexes(), self._marks
        if found[0] != indexes:
            found = self._marks = indexes, marks_of_all(indexes)
        return found

    def _all_indexes(self) -> tuple[Index, ...]:
        """One for each that has other secrets than those before it: a newer license has the same, as a rule."""
        known, indexes = self._known, self._indexes
        by_secrets = {index.secrets: index for index in indexes.values()}
        if any(origin not in indexes or indexes[origin].secrets != secrets for origin, secrets in known.items()):
            for secrets in known.values():
                if secrets not in by_secrets:
                    by_secrets[secrets] = Index(secrets)
            self._indexes = {origin: by_secrets[secrets] for origin, secrets in known.items()}
        return tuple(by_secrets[secrets] for secrets in dict.fromkeys(known.values()) if secrets)


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
        """The message with every secret of every app in it masked; nothing of it where it would take long to look."""
        redactors = list(self._of)
        if sum(redactor.known_at_rest for redactor in redactors) > MAX_AT_REST:
            return f"{MASK} (not shown: the apps that this is about have too many secrets to look for)"
        for redactor in redactors:
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


def _bounded(secrets: Iterable[str]) -> tuple[str, ...]:
    """The first ones, each once; no more are taken than are kept."""
    known: dict[str, None] = {}
    left = MAX_CHARACTERS
    for secret in secrets:
        if secret not in known:
            left -= len(json.dumps(secret))
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

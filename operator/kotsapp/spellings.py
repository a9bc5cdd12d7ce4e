"""The secrets of one origin, in every spelling, found in a text without having all spellings in memory.

Of each spelling the hash of how it begins is kept, 8 bytes; the spellings themselves are made where a text has such a
beginning. What a look takes is bounded whatever the secrets and the text are: spellings that begin alike are sorted, so
that few are compared. Secrets that all begin with the same 1,000 letters took seconds for each message that has those.
"""

import base64
import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from urllib.parse import quote

# Shorter texts are ports, numbers and words that messages need; they are also how many characters of one are looked up.
MIN_SECRET = 8
# Letters alone in one case are a word up to here: production, enterprise, postgresql.
MAX_WORD = 11
# Enough of a secret to know how each of its spellings begins, in base64 twice behind two other bytes, too.
_ENOUGH = 24
_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_CUT = ("...", "\u2026")
# In one number of 64 bits: the hash of a beginning, and whose it is.
_OWNER_BITS = 16
_OWNER = (1 << _OWNER_BITS) - 1
_HASH = (1 << (64 - _OWNER_BITS)) - 1
_LINE = "\n"
SECOND = 20
# Of spellings that begin alike, those around where the text would stand among them; the nearest have most in common.
_NEAR = 4
# Characters of spellings that were made and are at hand for the next text.
_MAX_AT_HAND = 256 * 1024


def is_word(text: str) -> bool:
    """Whether it may well stand in a message without being meant: too short, or a word."""
    return len(text) < MIN_SECRET or (len(text) <= MAX_WORD and text.isalpha() and text[1:] == text[1:].lower())


def folded(text: str) -> str:
    """The text with capitals of ASCII as small letters: kinds and hosts are lower-cased on their way."""
    return text.translate(_FOLDED)


def packed(secrets: Sequence[str]) -> bytes:
    """The secrets, of one line each, as they are kept."""
    return _LINE.join(secrets).encode(errors="surrogatepass")


def spellings(secret: str) -> set[str]:
    """The secret as it may stand in a message, folded; none of them is shorter than ``MIN_SECRET``."""
    return {folded(text) for text in _spelled(secret, " ".join(secret.split())) if len(text) >= MIN_SECRET}


def _spelled(secret: str, on_one_line: str) -> set[str]:
    as_json = json.dumps(secret)[1:-1]
    plain = {secret, quote(secret, safe="", errors="replace"), quote(secret, errors="replace"), as_json, on_one_line}
    once = {piece for text in (secret, as_json) for piece in _in_base64(text)}
    return plain | once | {piece for text in once for piece in _in_base64(text)}


def _heads(secret: str) -> set[str]:
    """How its spellings begin; none ends before the first ``MIN_SECRET`` characters."""
    some = _spelled(secret[:_ENOUGH], " ".join(secret.split()))
    return {folded(text[:MIN_SECRET]) for text in some if len(text) >= MIN_SECRET}


def _in_base64(text: str) -> Iterator[str]:
    """What is sure to be seen of a text inside base64, with no, one or two other bytes before it."""
    for before, unsure in enumerate((0, 2, 3)):
        data = b"\0" * before + text.encode(errors="replace")
        whole = base64.b64encode(data + b"\0" * (-len(data) % 3)).decode()
        piece = whole[unsure : len(data) * 8 // 6]
        yield piece
        yield piece.replace("+", "-").replace("/", "_")


def marks_of_all(indexes: Sequence["Index"]) -> bytes:
    """Where any of them has a mark: most beginnings in a text have none, which is told by one look for all of them.

    A beginning is marked at its hash, and at that shifted by ``SECOND``, both in as many bits as there are marks.
    """
    size = max(len(index.marks) for index in indexes)
    whole = 0
    for index in indexes:
        whole |= int.from_bytes(index.marks * (size // len(index.marks)))
    return whole.to_bytes(size)


class Index:
    """How the spellings of ``secrets`` (``packed``) begin. Not changed but by what it has at hand, which is
    there or not: any thread may have texts looked through."""

    def __init__(self, secrets: bytes) -> None:
        self.secrets = secrets
        beginnings = {
            (hash(head) & _HASH) << _OWNER_BITS | owner
            for owner, secret in enumerate(_lines(secrets))
            for head in _heads(secret)
        }
        self._beginnings = array("Q", sorted(beginnings))
        self.marks = bytearray(1 << (8 * len(beginnings)).bit_length())
        mask = len(self.marks) - 1
        for one in beginnings:
            hashed = one >> _OWNER_BITS
            self.marks[hashed & mask] = self.marks[hashed >> SECOND & mask] = 1
        self._at_hand: dict[str, _Alike] = {}
        self._characters = 0

    @property
    def size(self) -> int:
        """In bytes, with what may be at hand."""
        at_hand = min(_MAX_AT_HAND, 8 * len(self.secrets))
        return len(self.secrets) + 2 * len(self.marks) + len(self._beginnings) * self._beginnings.itemsize + at_hand

    def found(self, text: str, start: int, hashed: int) -> int:
        """How many characters of the folded text from ``start`` on are a secret, or what a shortened text has of it;
        ``hashed`` is the hash of how it begins there."""
        first = (hashed & _HASH) << _OWNER_BITS
        at = bisect_left(self._beginnings, first)
        if at == len(self._beginnings) or self._beginnings[at] > first | _OWNER:
            return 0
        head = text[start : start + MIN_SECRET]
        alike = self._at_hand.get(head)
        if alike is None:
            alike = _Alike(self._spelled_from(head, at, bisect_right(self._beginnings, first | _OWNER)))
            if self._characters + alike.characters > _MAX_AT_HAND:
                self._at_hand, self._characters = {}, 0
            self._at_hand[head] = alike
            self._characters += alike.characters + MIN_SECRET
        return alike.found(text, start)

    def _spelled_from(self, head: str, at: int, end: int) -> list[str]:
        secrets = _lines(self.secrets)
        owners = [secrets[one & _OWNER] for one in self._beginnings[at:end]]
        return sorted({text for secret in owners for text in spellings(secret) if text.startswith(head)})


def _lines(secrets: bytes) -> list[str]:
    return secrets.decode(errors="surrogatepass").split(_LINE) if secrets else []


class _Alike:
    """Spellings that begin alike, sorted; none where only the hash of a beginning is one's."""

    __slots__ = ("_longest", "_sorted", "_within", "characters")

    def __init__(self, spelled: Sequence[str]) -> None:
        self._sorted = spelled
        self._longest = max(map(len, spelled), default=0)
        self.characters = sum(map(len, spelled))
        # Of each the longest other one with which it begins.
        self._within = array("l")
        for at, one in enumerate(spelled):
            before = at - 1
            while before >= 0 and not one.startswith(spelled[before]):
                before = self._within[before]
            self._within.append(before)

    def found(self, text: str, start: int) -> int:
        window = text[start : start + self._longest]
        at = bisect_right(self._sorted, window)
        # What the text begins with is the one before it, or what that one begins with.
        nearest = at - 1
        while nearest >= 0 and not window.startswith(self._sorted[nearest]):
            nearest = self._within[nearest]
        whole = len(self._sorted[nearest]) if nearest >= 0 else 0
        if start + self._longest < len(text) and not _is_cut(text, start, start + self._longest):
            return whole
        near = self._sorted[max(at - _NEAR, 0) : at + _NEAR]
        return max(whole, *(_left(text, start, window, spelling) for spelling in near))


def _is_cut(text: str, start: int, end: int) -> bool:
    return any(text.find(cut, start + MIN_SECRET, end + len(cut)) >= 0 for cut in _CUT)


def _left(text: str, start: int, window: str, spelling: str) -> int:
    """How many characters a shortened text has left of a spelling from ``start`` on, 0 where it is not cut there."""
    common, most = MIN_SECRET, min(len(window), len(spelling))
    while common < most:
        middle = (common + most + 1) // 2
        common, most = (middle, most) if window.startswith(spelling[:middle]) else (common, middle - 1)
    if text.startswith(_CUT, start + common):
        return common
    # A message that ends in a word, such as an object's name, isn't cut off: postgres, of a secret postgres://...
    whole = common < len(spelling) and not spelling[common].isalnum() and is_word(window[:common])
    return common if start + common == len(text) and not whole else 0

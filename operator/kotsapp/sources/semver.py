"""Versions and ranges as Helm and Flux read them, which is how Masterminds/semver does (DESIGN 6.1).

No library of Python's reads these ranges: npm's and Python's own differ in what ``>1.2``, ``^0.2`` and a pre-release
mean. The tests hold this against the real one, in helm's own ``semverCompare``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import total_ordering

# Longer ones are nobody's range, and every version of a list is held against each of its parts.
MAX_RANGE = 256
# The numbers are 64 bits wide there.
_MAX_NUMBER = 2**64 - 1

_PRE = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_NUMBER = r"(?:0|[1-9][0-9]{0,19})"
_VERSION = re.compile(rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PRE}))?(?:\+({_PRE}))?")
_PART = r"(?:[0-9]{1,20}|[xX*])"
_LOOSE = rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?(?:-{_PRE})?(?:\+{_PRE})?"
_OPERATOR = r"(?:!=|>=|=>|<=|=<|~>|~|\^|=|>|<)?"
# In these a single blank stands for all that were written: what may be read in more than one way is tried in all.
_BLANKS = re.compile(r"[ \t\n\f\r]+")
_HYPHEN = re.compile(rf" ?({_LOOSE}) - ({_LOOSE}) ?")
_ONE = re.compile(rf"({_OPERATOR}) ?v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-({_PRE}))?(?:\+{_PRE})?")
_ALL = re.compile(rf" ?{_OPERATOR} ?{_LOOSE}(?:(?: ?, ?+| ){_OPERATOR} ?{_LOOSE}){{0,{MAX_RANGE // 2}}} ?")
_SPELLINGS = {"": "=", "=>": ">=", "=<": "<=", "~>": "~"}


_TOLERANT = re.compile(r"v?([0-9]+(?:\.[0-9]+){0,2})((?:[-+].*)?)")


class InvalidRangeError(ValueError):
    """The text is no range of versions; the message says what one looks like."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:80]!r} is neither a version nor a range of versions such as 1.4.2, 1.x, ~1.4 or >=1.2 <2"
        )


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A semantic version, by precedence: build metadata doesn't count. ``text`` is as it was written."""

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()
    text: str = field(default="", repr=False)

    @property
    def major(self) -> int:
        return self.numbers[0]

    @property
    def minor(self) -> int:
        return self.numbers[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and (self.numbers, self.pre) == (other.numbers, other.pre)

    def __lt__(self, other: "Version") -> bool:
        return self._order < other._order

    def __hash__(self) -> int:
        return hash((self.numbers, self.pre))

    @property
    def _order(self) -> tuple[object, ...]:
        # A version without a pre-release is behind all that have one; numbers in one are before words.
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return self.numbers, not self.pre, parts


def parse(text: str) -> Version | None:
    """A whole version, with or without ``v`` in front; None for anything else."""
    match = _VERSION.fullmatch(text) if len(text) <= MAX_RANGE else None
    if match is None:
        return None
    numbers = int(match[1]), int(match[2]), int(match[3])
    pre = tuple(match[4].split(".")) if match[4] else ()
    if max(numbers) > _MAX_NUMBER or any(part.isdigit() and part != "0" and part[0] == "0" for part in pre):
        return None
    return Version(numbers, pre, text)


def tolerant(text: str) -> Version | None:
    """A version as vendors write one on a release: also ``v1.2``, ``1`` and ``1.02.0``; None for what is none."""
    match = _TOLERANT.fullmatch(text.strip()) if len(text) <= MAX_RANGE else None
    if match is None:
        return None
    numbers = [part.lstrip("0") or "0" for part in match[1].split(".")]
    if len(numbers) < 3 and match[2]:
        return None  # a short one has nothing behind its numbers
    return parse(".".join([*numbers, *["0"] * (3 - len(numbers))]) + match[2])


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One operator and its version; ``given`` says how many of the version's three numbers are written."""

    operator: str
    version: Version
    given: int

    def holds(self, version: Version, *, pre_releases: bool) -> bool:
        own, given = self.version, self.given
        if version.pre and not own.pre and not pre_releases:
            return False
        written, found = own.numbers[:given], version.numbers[:given]
        match self.operator:
            case "!=" if given in (1, 2):
                # Of 1.2-beta there only the pre-release is compared once the numbers agree.
                return found != written or (given == 2 and version.pre != own.pre)
            case "!=":
                return version != own
            case ">" if given in (1, 2):
                return found > written
            case ">":
                return version > own
            case ">=":
                return version >= own
            case "<":
                return version < own
            case "<=" if given < 3:
                kept = given or 2  # <=* is <=0.0 there
                return version.numbers[:kept] <= own.numbers[:kept]
            case "<=":
                return version <= own
            case "^":
                return version >= own and version.numbers[: self._caret] == own.numbers[: self._caret]
            case "=" if given == 3:
                return version == own
            case _:
                return self._tilde(version)

    def _tilde(self, version: Version) -> bool:
        own = self.version
        if version < own:
            return False
        # ~0.0.0 is any version there.
        if own.numbers == (0, 0, 0) and self.given in (0, 3):
            return True
        kept = min(self.given, 2)
        return version.numbers[:kept] == own.numbers[:kept]

    @property
    def _caret(self) -> int:
        """How many numbers stay: up to the first that is not 0, of those that are written."""
        leading = next((n for n, number in enumerate(self.version.numbers, 1) if number), 3)
        return min(leading, self.given or 3)  # ^* is ^0.0.0 there


@dataclass(frozen=True, slots=True)
class Range:
    """Alternatives of comparisons that hold together."""

    text: str
    alternatives: tuple[tuple[_Comparison, ...], ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Raises InvalidRangeError."""
        if not text.strip() or len(text) > MAX_RANGE:
            raise InvalidRangeError(text)
        plain = _HYPHEN.sub(r">= \1, <= \2", _BLANKS.sub(" ", text))
        return cls(text, tuple(_comparisons(part, text) for part in plain.split("||")))

    def holds(self, version: Version) -> bool:
        """Whether the version is in the range; pre-releases only where the range names one."""
        return any(self._all(group, version) for group in self.alternatives)

    def newest(self, texts: Iterable[str]) -> Version | None:
        """The newest version of those in the range; what is no version is passed over."""
        versions = (version for version in map(parse, texts) if version is not None and self.holds(version))
        return max(versions, key=lambda version: (version, version.text), default=None)

    @staticmethod
    def _all(group: tuple[_Comparison, ...], version: Version) -> bool:
        asked_for = any(one.version.pre for one in group)
        return all(one.holds(version, pre_releases=asked_for) for one in group)


def _comparisons(part: str, whole: str) -> tuple[_Comparison, ...]:
    if not _ALL.fullmatch(part):
        raise InvalidRangeError(whole)
    return tuple(_comparison(match, whole) for match in _ONE.finditer(part))


def _comparison(match: re.Match[str], whole: str) -> _Comparison:
    operator, *written, pre = match.groups()
    given = next((n for n, number in enumerate(written) if number is None or number in "xX*"), 3)
    numbers = [int(number) for number in written[:given]] + [0] * (3 - given)
    if max(numbers) > _MAX_NUMBER:
        raise InvalidRangeError(whole)
    version = Version((numbers[0], numbers[1], numbers[2]), tuple(pre.split(".")) if pre else ())
    return _Comparison(_SPELLINGS.get(operator, operator), version, given)

"""Archives that were cut into parts, since a ConfigMap or Secret holds 1 MiB: ``name.tgz.00``, ``name.tgz.01`` …

``split -d -b 900k release.tgz release.tgz.`` makes them. They may be keys of one object or of several (DESIGN 6.1).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.regexes import regex
from kotsapp.release.source_file import ChartInstall, SourceFile
from kotsapp.text import listed

_PART = regex(r"(.+\.(?:tgz|tar\.gz))\.([0-9]{2,3})", re.IGNORECASE)
# The largest archive that is read is 16 MiB: parts of 128 KiB, which even a last-applied annotation would hold.
MAX_PARTS = 128
MAX_NAMED = 5
# How messages about what stands in a Secret begin, so that they quote nothing of it.
_IN_SECRET = "Secret "  # noqa: S105 - a kind, not a password


@dataclass(frozen=True, slots=True)
class WholeFile:
    """One file, of whatever number of parts; ``pieces`` are their contents in order. ``chart`` is as a SourceFile's."""

    origin: str
    name: str
    pieces: tuple[bytes, ...] = field(repr=False)
    chart: ChartInstall | None = None

    @property
    def data(self) -> bytes:
        """The content, joined; of a file that was never cut, without a copy."""
        return b"".join(self.pieces)


def is_part(name: str) -> bool:
    """Whether a file or key of this name is a part of an archive."""
    return _PART.fullmatch(name) is not None


def joined(files: Sequence[SourceFile]) -> list[WholeFile]:
    """The files with parts put together, each archive where its first part stands.

    Raises ManifestError where a part is missing, there twice, or where there are too many.
    """
    archives: dict[str, dict[int, SourceFile]] = {}
    whole: list[WholeFile | str] = []
    for file in files:
        match = _PART.fullmatch(file.name)
        if match is None:
            whole.append(WholeFile(file.origin, file.name, (file.data,), file.chart))
            continue
        name, number = match[1], int(match[2])
        if name not in archives:
            whole.append(name)
        parts = archives.setdefault(name, {})
        if number in parts:
            problem = f"is part {match[2]} of {name}, which {parts[number].origin} is as well"
            raise ManifestError(Place(file.origin), f"{problem}: leave one out, or name the archives differently")
        if number >= MAX_PARTS:
            problem = f"is part {match[2]} of {name}, and at most {MAX_PARTS} are joined, from 00 on"
            raise ManifestError(Place(file.origin), f"{problem}: cut it into fewer, larger ones")
        parts[number] = file
    return [_whole(one, archives[one]) if isinstance(one, str) else one for one in whole]


def _whole(name: str, parts: dict[int, SourceFile]) -> WholeFile:
    last = parts[max(parts)]
    missing = [f"{name}.{number:02}" for number in range(max(parts)) if number not in parts]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        problem = f"is a part of {name}, of which {listed(missing, MAX_NAMED)} {are} missing"
        raise ManifestError(Place(last.origin), f"{problem}: put every part into what spec.manifests names")
    pieces = tuple(parts[number].data for number in range(len(parts)))
    shown = next((part for part in parts.values() if part.origin.startswith(_IN_SECRET)), last)
    # The last one may well be what is missing, which only its reader notices: so its message says how many there are.
    origin = shown.origin if len(parts) == 1 else f"{shown.origin}, one of {len(parts)} parts"
    return WholeFile(origin, name, pieces, parts[0].chart)

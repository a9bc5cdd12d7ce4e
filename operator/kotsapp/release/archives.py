"""Gzipped tar archives: a release folder, or a Helm chart. Read in memory, file by file, within bounds."""

import io
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.release.budget import FILES, UNPACKED, for_command_line

_GZIP = b"\x1f\x8b"
_ENDINGS = (".tgz", ".tar.gz")
_CHART_FILE = "Chart.yaml"
# A release's archive holds charts, and a chart packed subcharts, which may hold some again; nobody goes deeper.
MAX_NESTED_ARCHIVES = 2
_CHUNK = 64 * 1024
_GZIP_FORMAT = 31  # zlib's window bits for a gzip header

# An archive, whole or in pieces that follow each other.
Pieces = bytes | tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A regular file; ``path`` has no leading ``./`` and stays inside the archive's folder."""

    path: str
    data: bytes = field(repr=False)


def is_archive(name: str, data: bytes) -> bool:
    """By its ending or by its first bytes, which no YAML has."""
    return name.lower().endswith(_ENDINGS) or data.startswith(_GZIP)


def unpack(data: Pieces, origin: str, budget: Budget | None = None) -> tuple[ArchiveFile, ...]:
    """The regular files, in the order of their paths; ``budget`` is the app's, else one for this archive alone.

    Pieces are not joined: an archive may take a fourth of a reader's memory.

    Of a file that is there twice the last one counts, as for tar and Helm. Raises ManifestError: damaged, too large,
    too many files, a path that leads outside, and anything but files and folders.
    """
    place = Place(origin)
    files: dict[str, bytes] = {}
    budget = for_command_line() if budget is None else budget
    try:
        pieces = (data,) if isinstance(data, bytes) else data
        unpacked = _Gunzip(pieces, place, budget)
        with tarfile.open(fileobj=unpacked, mode="r|", errorlevel=2, encoding="utf-8") as archive:
            for member in archive:
                budget.take(FILES, 1, place)
                path = _safe_path(member.name, place)
                if member.isdir() or path is None:
                    continue
                if not member.isreg() or member.issparse():
                    kind = "a link" if member.issym() or member.islnk() else "neither a file nor a folder"
                    raise ManifestError(place, f"{quote(member.name)} is {kind}: put a plain file in its place")
                content = archive.extractfile(member)
                files[path] = content.read() if content is not None else b""
        while unpacked.read(_CHUNK):
            pass  # what is behind the tar's end is nobody's; the checksum behind it shows whether all of it is right
    except ManifestError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, RecursionError, KeyError) as error:
        raise ManifestError(place, f"is not a gzipped tar archive, or a damaged one ({error}): make it anew") from None
    return tuple(ArchiveFile(path, files[path]) for path in sorted(files))


def chart_file(files: tuple[ArchiveFile, ...]) -> ArchiveFile | None:
    """``Chart.yaml``, if the archive is a packaged chart: one folder that has it at its top."""
    folders = {file.path.partition("/")[0] for file in files}
    if len(folders) != 1:
        return None
    wanted = f"{folders.pop()}/{_CHART_FILE}"
    return next((file for file in files if file.path == wanted), None)


def _safe_path(name: str, place: Place) -> str | None:
    """The path with ``.`` parts left out; None for the folder itself and for what macOS adds to archives."""
    path = PurePosixPath(name)
    if not name.isprintable():
        raise ManifestError(place, f"{quote(name)} has characters that can't be printed: rename the file")
    if "\\" in name or path.is_absolute() or ".." in path.parts:
        raise ManifestError(place, f"{quote(name)} leads outside the archive: use paths inside it")
    if not path.parts or path.name.startswith("._") or path.name == ".DS_Store":
        return None
    return path.as_posix()


def _chunks(pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    for piece in pieces:
        view = memoryview(piece)
        for position in range(0, len(view), _CHUNK):
            yield bytes(view[position : position + _CHUNK])


class _Gunzip(io.RawIOBase):
    """Unpacks on the way, so that what a small archive expands to is bounded before it is in memory."""

    def __init__(self, pieces: tuple[bytes, ...], place: Place, budget: Budget) -> None:
        self._chunks = _chunks(pieces)
        self._place = place
        self._budget = budget
        self._waiting = b""
        self._unzip = zlib.decompressobj(wbits=_GZIP_FORMAT)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts: list[bytes] = []
        wanted = size if size >= 0 else sys.maxsize
        while wanted > 0:
            piece = self._piece(wanted)
            if not piece:
                break
            parts.append(piece)
            wanted -= len(piece)
        return b"".join(parts)

    def _piece(self, wanted: int) -> bytes:
        """At most ``wanted`` bytes, empty at the end."""
        while True:
            source = self._waiting or next(self._chunks, b"")
            if self._unzip.eof:
                if not source.strip(b"\0"):
                    return b""
                self._unzip = zlib.decompressobj(wbits=_GZIP_FORMAT)
            if not source:
                raise EOFError("it ends too early")
            try:
                piece = self._unzip.decompress(source, min(wanted, _CHUNK))
            except zlib.error as error:
                raise ValueError(str(error)) from None
            self._waiting = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail
            self._budget.take(UNPACKED, len(piece), self._place)
            if piece:
                return piece

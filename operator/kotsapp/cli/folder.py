"""Writing rendered files into a folder that may hold other files, which are not touched."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from kotsapp.cli.errors import CommandError

# The first line of every file that is written, by which it is known the next time.
HEADER = "# Written by kotsapp render, which overwrites it.\n"


def write_folder(folder: Path, files: Mapping[str, str], private: frozenset[str] = frozenset()) -> None:
    """Write ``files`` (relative path to text), and remove what an earlier run wrote and this one does not.

    ``private`` files are for the owner's eyes only. A file of somebody else's in the way, or a link, is never
    overwritten. Raises CommandError, before anything is written if something is in the way.
    """
    try:
        for name in files:
            _check(folder, name)
        stale = [path for path in _written(folder) if path.relative_to(folder).as_posix() not in files]
        for name, text in files.items():
            _write(folder / name, HEADER + text, 0o600 if name in private else 0o644)
        for path in stale:
            path.unlink()
            _remove_empty(path.parent, folder)
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: can't write: {error.strerror or error}") from None


def _check(folder: Path, name: str) -> None:
    path = folder / name
    for part in (path, *path.parents):
        if part == folder:
            break
        if part.is_symlink():
            raise CommandError(f"{part}: is a link, through which nothing is written; remove it")
    if path.exists() and not _is_ours(path):
        raise CommandError(f"{path}: is there already and not from kotsapp render; choose another folder, or remove it")


def _written(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.yaml")):
        if not path.is_symlink() and _is_ours(path):
            yield path


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as opened:
        return opened.read(len(HEADER)) == HEADER.encode()


def _write(path: Path, text: str, mode: int) -> None:
    """All or nothing: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _remove_empty(path: Path, folder: Path) -> None:
    with suppress(OSError):
        while path != folder:
            path.rmdir()
            path = path.parent

"""Where built and unpacked binaries are kept between runs, and how two runs share the place."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from localworld.progress import Progress


def root() -> Path:
    """`$XDG_CACHE_HOME/kotsapp-operator`, by default under `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "kotsapp-operator"


def ensure(
    name: str,
    wanted: Iterable[str],
    make: Callable[[Path], None],
    say: Progress,
) -> Path:
    """The cache folder `name` holding every file in `wanted`, made by `make(empty folder)` if it is not there.

    The folder appears complete or not at all, and of several processes that want it at once one makes it while
    the others wait.
    """
    folder = root() / name
    files = tuple(wanted)
    if _complete(folder, files):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f".{folder.name}.lock", say):
        if _complete(folder, files):
            return folder
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            make(fresh)
            if missing := [file for file in files if not (fresh / file).is_file()]:
                raise FileNotFoundError(f"building {name} did not produce {', '.join(missing)}")
            shutil.rmtree(folder, ignore_errors=True)
            fresh.chmod(0o755)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _complete(folder: Path, files: tuple[str, ...]) -> bool:
    return all((folder / file).is_file() for file in files)


@contextmanager
def locked(path: Path, say: Progress) -> Iterator[None]:
    """Alone among the processes that want this file."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is making {path.name.strip('.').removesuffix('.lock')}, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

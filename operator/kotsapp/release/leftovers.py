"""Folders of readers, and those that an operator that was killed has left behind."""

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import IO

_PREFIX = "kotsapp-reader-"
_NEW = "kotsapp-new-reader-"
_LOCK = "alive.lock"
_JOB = "job-"


def new_folder(base: Path) -> tuple[Path, IO[bytes]]:
    """A folder of a server, for its jobs' folders, and what holds it.

    It gets the name by which leftovers are found when it is held already: another operator that starts at the same
    moment would take it for one. Whoever is killed before that leaves a folder with nothing in it.
    """
    made = Path(tempfile.mkdtemp(prefix=_NEW, dir=base))
    (made / _LOCK).touch(mode=0o600)
    lock = hold(made)
    return made.rename(made.with_name(_PREFIX + made.name.removeprefix(_NEW))), lock


def hold(folder: Path) -> IO[bytes]:
    """Keep the folder from being taken for a leftover, until what is returned is closed or this process ends."""
    lock = (folder / _LOCK).open("rb")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def removed(base: Path) -> frozenset[str]:
    """Remove folders that nobody holds; the names of the jobs that were at work in them when their operator ended."""
    names: set[str] = set()
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            with hold(folder):
                names |= {job.name[len(_JOB) :].rpartition("-")[0] for job in folder.glob(f"{_JOB}*")}
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # Another operator's, which is at work.
            continue
    return frozenset(names)

"""A chart's folder, packed in memory: what ``helm package`` would make of it, for who checks the chart alone."""

import gzip
import io
import tarfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from kotsapp.cli.errors import CommandError

CHART_FILE = "Chart.yaml"
_IGNORE_FILE = ".helmignore"
# A folder with more is not a chart, but somebody's home.
MAX_FILES = 10_000


def is_chart(folder: Path) -> bool:
    return (folder / CHART_FILE).is_file()


def packed(folder: Path, read: Callable[[Path], bytes]) -> bytes:
    """A gzipped tar of the chart's files, the same for the same files. ``read`` gives a file's bytes, within bounds.

    Raises CommandError.
    """
    ignored = _ignored(folder)
    found = [file for file in sorted(folder.rglob("*")) if file.is_file() and not ignored(file.relative_to(folder))]
    if len(found) > MAX_FILES:
        raise CommandError(f"{folder}: more than {MAX_FILES} files; name the chart's own folder")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for file in found:
            data = read(file)
            member = tarfile.TarInfo(f"{folder.resolve().name}/{file.relative_to(folder).as_posix()}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(made.getvalue(), mtime=0)


def _ignored(folder: Path) -> Callable[[Path], bool]:
    """By helm's own rule for hidden templates and the patterns of .helmignore, but for the rare ones with ``!``."""
    try:
        lines = (folder / _IGNORE_FILE).read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    patterns = [line.strip() for line in lines]
    patterns = [one for one in patterns if one and one[0] not in "#!"]

    def ignored(path: Path) -> bool:
        if path.name == _IGNORE_FILE or (path.parts[0] == "templates" and path.name.startswith(".")):
            return True
        parents = [path, *list(path.parents)[:-1]]
        return any(_matches(one, parent, is_folder=parent != path) for one in patterns for parent in parents)

    return ignored


def _matches(pattern: str, path: Path, *, is_folder: bool) -> bool:
    if pattern.endswith("/"):
        if not is_folder:
            return False
        pattern = pattern.rstrip("/")
    if "/" in pattern:
        return fnmatchcase(path.as_posix(), pattern.lstrip("/"))
    return fnmatchcase(path.name, pattern)

"""A chart's folder, packed in memory: what ``helm package`` would make of it, for who checks the chart alone."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from kotsapp.cli import helmignore
from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.helmignore import Ignored, IgnoreError

CHART_FILE = "Chart.yaml"
# A folder with more is not a chart, but somebody's home.
MAX_FILES = 10_000


def is_chart(folder: Path) -> bool:
    return (folder / CHART_FILE).is_file()


def packed(folder: Path, read: Callable[[Path], bytes]) -> bytes:
    """A gzipped tar of the chart's files, the same for the same files. ``read`` gives a file's bytes, within bounds.

    Raises CommandError.
    """
    ignored = _ignored(folder)
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    found = [file for file in files if PurePosixPath(file.relative_to(folder)) not in ignored]
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


def _ignored(folder: Path) -> Ignored:
    """Raises CommandError."""
    file = folder / helmignore.FILE
    try:
        return Ignored(file.read_text(errors="replace") if file.is_file() else "")
    except IgnoreError as error:
        raise CommandError(f"{file}: {error}", EXIT_PROBLEM) from None
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None

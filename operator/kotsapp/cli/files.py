"""The files that commands are given: manifests, archives and whatever else is read whole."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kotsapp.cli import unpacked
from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.manifests.limits import MAX_SOURCE_BYTES, MIB
from kotsapp.release import parts
from kotsapp.release.source_file import ChartInstall, SourceFile

STANDARD_INPUT = "-"
UNNAMED = "standard input"
_ENDINGS = (".yaml", ".yml", ".json", ".tgz", ".tar.gz")
# A folder with more is not a release, but somebody's home.
_MAX_FILES = 10_000


def is_source_file(path: str) -> bool:
    """Whether this is a file that manifests are read from, by its ending and by being there."""
    try:
        return _is_source(path) and Path(path).is_file()
    except OSError:  # too long for a path, say
        return False


def source_files(paths: Iterable[str]) -> list[SourceFile]:
    """The manifests and archives at the paths; folders with all below them, in the order of their names.

    ``-`` is standard input. A chart that is all there is, packed or its folder, is installed with its own values, as
    one of a registry is. Raises CommandError.
    """
    files: list[SourceFile] = []
    paths = list(paths)
    if len(paths) == 1 and unpacked.is_chart(chart := Path(paths[0])):
        data = unpacked.packed(chart, lambda file: read_file(file, MAX_SOURCE_BYTES))
        return [SourceFile(str(chart), f"{chart.resolve().name}.tgz", _bounded(data, str(chart)), ChartInstall())]
    alone = ChartInstall() if len(paths) == 1 and not Path(paths[0]).is_dir() else None
    for path in paths:
        if path == STANDARD_INPUT:
            files.append(SourceFile(UNNAMED, "stdin.yaml", _standard_input(MAX_SOURCE_BYTES), alone))
            continue
        for file, name in _files(Path(path)):
            files.append(SourceFile(str(file), name, read_file(file, MAX_SOURCE_BYTES), alone))
            if len(files) > _MAX_FILES:
                raise CommandError(f"{path}: more than {_MAX_FILES} files; name the release's own folder")
    if not files:
        raise CommandError(f"no manifests found: no file in {', '.join(paths)} ends in {', '.join(_ENDINGS)}")
    return files


def read_file(file: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit`` bytes, ``-`` is standard input. Raises CommandError."""
    if str(file) == STANDARD_INPUT:
        return _standard_input(limit)
    try:
        with file.open("rb") as opened:
            return _bounded(opened.read(limit + 1), str(file), limit)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}") from None


def _standard_input(limit: int) -> bytes:
    return _bounded(sys.stdin.buffer.read(limit + 1), UNNAMED, limit)


def _bounded(data: bytes, name: str, limit: int = MAX_SOURCE_BYTES) -> bytes:
    if len(data) > limit:
        raise CommandError(f"{name}: larger than the {limit // MIB} MiB that are read", EXIT_PROBLEM)
    return data


def _is_source(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) or parts.is_part(name)


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if not path.is_dir():
        yield path, path.name
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        hidden = any(part.startswith(".") for part in name.parts)
        if file.name == unpacked.CHART_FILE and not hidden:
            chart = file.parent
            raise CommandError(
                f"{chart} is an unpacked chart, and KOTS reads packed ones: helm package {chart}; or give that folder"
                " alone"
            )
        if not hidden and _is_source(file.name) and file.is_file():
            yield file, name.as_posix()

"""A helm that waits for the chart of the template calls, since most of a short run of helm's is its start.

It takes its values before it looks into the chart's folder. The first of them are to come on its standard input, so it
goes no further until that is closed: meanwhile the calls are looked for, and the chart is written.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from kotsapp.release import helm_process, helm_values, sandbox
from kotsapp.release.errors import HelmError
from kotsapp.release.helm_process import Ran
from kotsapp.release.helm_values import write_values

CHART = "chart"


class Engine:
    """One process, for one chart."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._process = process
        self._gate: IO[bytes] = process.stdin  # type: ignore[assignment]  # it is a pipe

    @property
    def waits(self) -> bool:
        """Whether it still can be given a chart."""
        return not self._gate.closed and self._process.poll() is None

    def render(self, files: Mapping[str, str], values: Mapping[str, Any], timeout: float, most_complaint: int) -> Ran:
        """What it makes of a chart, given by the texts of its files, ``timeout`` seconds from now at most.

        Not for use on an event loop's thread. Raises HelmError.
        """
        try:
            write_values(self._folder, values)
            written = {self._folder / CHART / name: text.encode() for name, text in files.items()}
            for folder in {path.parent for path in written}:
                folder.mkdir(parents=True, exist_ok=True)
            for path, data in written.items():
                path.write_bytes(data)
        except OSError as error:
            raise HelmError(f"helm can't be given the template calls: {self._folder}: {error.strerror}") from None
        self._gate.close()
        return helm_process.ended(self._process, timeout, most_complaint=most_complaint)


@contextmanager
def started(program: Path) -> Iterator[Engine]:
    """The engine, which is gone behind the block with its folder. Raises HelmError if it can't be started."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="kotsapp-calls-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        values = ["--values=-", f"--values={folder / helm_values.FILE}"]
        command = [str(program), "template", *values, "--", "calls", str(folder / CHART)]
        try:
            (folder / CHART).mkdir()
            walled = sandbox.command(command, helm_process.walls(folder))
            process = stack.enter_context(helm_process.started(walled, folder, waits=True))
        except OSError as error:
            raise HelmError(f"{program} can't be started ({error.strerror}): check the program") from None
        yield Engine(folder, process)

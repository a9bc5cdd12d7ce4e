"""As the first process of a container it ends when it is told to, however early: nobody else is there to end it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.waiting import until
from localworld.patience import patience

SECONDS = 30
PREFIX = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--pid", "--fork", "--kill-child"]


def test_it_ends_while_it_still_loads_its_libraries(tmp_path: Path) -> None:
    if subprocess.run([*PREFIX, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no process namespace can be made here")
    # Something that it imports stands still: it is told to end then, whatever the machine's speed.
    stalled = tmp_path / "kopf"
    stalled.mkdir()
    loading = tmp_path / "loading"
    (stalled / "__init__.py").write_text(
        f"import time\nopen({str(loading)!r}, 'w').close()\ntime.sleep({2 * SECONDS})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    argv = [*PREFIX, sys.executable, "-m", "kotsapp", "run", "--all-namespaces"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as outer:
        try:
            until(loading.exists, "it loads its libraries", SECONDS)
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGTERM)

            assert outer.wait(SECONDS * patience()) == 128 + signal.SIGTERM
        finally:
            outer.kill()

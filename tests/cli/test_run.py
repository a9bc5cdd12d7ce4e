"""``kotsapp run``, where it can't even begin."""

import getpass
import os
import socket
import subprocess
import sys

import pytest

from kotsapp.cli import main
from kotsapp.operating import identity


def test_an_operator_has_an_identity_where_its_user_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setenv("POD_NAME", "kotsapp-operator-7d9c6b5f4-x2x7k")
    assert identity().startswith("kotsapp-operator-7d9c6b5f4-x2x7k-")
    assert identity() != identity()
    monkeypatch.delenv("POD_NAME")
    assert identity().startswith(f"{socket.gethostname()}-")


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["run", "--bind", "127.0.0.1", "--port", str(port)]) == 1

    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"kotsapp: metrics and health can't be served on 127.0.0.1:{port}: ")
    assert told.endswith("choose with --bind and --port")


def test_neither_it_nor_what_it_starts_leaves_its_memory_in_a_file() -> None:
    script = (
        "import resource, subprocess; from kotsapp.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
        "main(['run', '--registries', '/nowhere'])\n"
        "subprocess.run(['sh', '-c', 'ulimit -S -c; ulimit -H -c'], check=True)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["0", "0"]


@pytest.mark.parametrize("module", ["kotsapp.cli.run", "kotsapp.cli.plugin"])
def test_a_command_is_found_where_its_user_has_no_home(module: str) -> None:
    nobody = "import pwd; pwd.getpwuid = {}.__getitem__"
    code = f"{nobody}; import {module}"
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-1000:]

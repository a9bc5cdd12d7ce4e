"""``kotsapp run``, where it can't even begin."""

import getpass
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kotsapp import logs
from kotsapp.apply.lending import Lent
from kotsapp.cli import main, parser
from kotsapp.cli.arguments.run import LENT, LOG_FORMATS, POLICIES
from kotsapp.cli.run import options
from kotsapp.license import Policy, TrustedKeys
from kotsapp.operating import Election, identity
from kotsapp.registry.config import Registries


def test_an_operator_has_an_identity_where_its_user_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setenv("POD_NAME", "kotsapp-operator-7d9c6b5f4-x2x7k")
    assert identity().startswith("kotsapp-operator-7d9c6b5f4-x2x7k-")
    assert identity() != identity()
    monkeypatch.delenv("POD_NAME")
    assert identity().startswith(f"{socket.gethostname()}-")


def test_words_to_choose_from_are_those_that_are_known() -> None:
    assert (tuple(Policy), tuple(Lent), logs.FORMATS) == (POLICIES, LENT, LOG_FORMATS)


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["run", "--bind", "127.0.0.1", "--port", str(port)]) == 1

    captured = capsys.readouterr().err.splitlines()[-1]
    assert captured.startswith(f"kotsapp: metrics and health can't be served on 127.0.0.1:{port}: ")
    assert captured.endswith("choose with --bind and --port")


def test_neither_it_nor_what_it_starts_leaves_its_memory_in_a_file() -> None:
    script = (
        "import resource, subprocess; from kotsapp.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
        "main(['run', '--registries', '/nowhere'])\n"
        "subprocess.run(['sh', '-c', 'ulimit -S -c; ulimit -H -c'], check=True)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["0", "0"]


@pytest.mark.parametrize(
    ("words", "environment", "elects"),
    [
        ([], {}, False),
        ([], {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ([], {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBECONFIG": "config"}, False),
        (["--leader-elect"], {}, True),
        (["--no-leader-elect"], {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),
    ],
)
def test_it_stands_for_election_in_a_pod_and_elsewhere_when_asked(
    words: list[str], environment: dict[str, str], elects: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text("{}")
    for name, value in environment.items():
        monkeypatch.setenv(name, str(tmp_path / value) if name == "KUBECONFIG" else value)
    args = parser(["run"]).parse_args(["run", *words, "--leader-election-id", "mine"])
    chosen = options(args, Registries.empty(), TrustedKeys.load(None)).election
    assert chosen == (Election("mine") if elects else None)


@pytest.mark.parametrize("module", ["kotsapp.cli.run", "kotsapp.cli.plugin"])
def test_a_command_is_found_where_its_user_has_no_home(module: str) -> None:
    nobody = "import pwd; pwd.getpwuid = {}.__getitem__"
    code = f"{nobody}; import {module}"
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-1000:]

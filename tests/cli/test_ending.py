"""How a command ends that is kept from its end: an exit code and one line, never a traceback."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.waiting import until

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}


def kotsapp(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "kotsapp", *map(str, arguments)]


def test_a_full_disk_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        code = "import sys; from kotsapp.cli.ending import carry_out; sys.exit(carry_out('it', lambda: print(1) or 0))"
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
        )
    assert ended.stderr.decode() == "it: the output can't be written: No space left on device\n"
    assert ended.returncode == 1


def test_whoever_reads_no_further_is_no_trouble() -> None:
    with subprocess.Popen(kotsapp("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as ended:
        assert ended.stdout is not None
        ended.stdout.close()
        assert ended.stderr is not None
        assert b"Traceback" not in ended.stderr.read()


@pytest.mark.parametrize("closed", ["stdout", "both"])
def test_closed_outputs_are_no_trouble(tmp_path: Path, closed: str) -> None:
    shell = f"exec {' '.join(kotsapp('license', 'verify', tmp_path / 'none.yaml'))} >&-" + " 2>&-" * (closed == "both")
    ended = subprocess.run(["sh", "-c", shell], capture_output=True, env=ENVIRONMENT, check=False)
    assert b"Traceback" not in ended.stderr
    assert ended.returncode == 2


def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(30)
        entry = {"host": "quay.io", "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        (tmp_path / "registries.yaml").write_text(yaml.safe_dump({"registries": [entry]}))
        command = kotsapp("probe", "quay.io/x/y:1", "--registries", tmp_path / "registries.yaml", "--timeout", 60)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as ended:
            silent.accept()  # it has begun to ask
            ended.send_signal(signal.SIGINT)
            until(lambda: ended.poll() is not None, "it ends", 20)
            assert ended.stdout is not None
            assert ended.stderr is not None
            assert (ended.stdout.read(), ended.stderr.read()) == (b"", b"")
    assert ended.returncode == 130

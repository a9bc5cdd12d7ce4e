"""``kotsapp run``, where it can't even begin."""

import socket

import pytest

from kotsapp.cli import main


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert main(["run", "--bind", "127.0.0.1", "--port", str(port)]) == 1

    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"kotsapp: metrics and health can't be served on 127.0.0.1:{port}: ")
    assert told.endswith("choose with --bind and --port")

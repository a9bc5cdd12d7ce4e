"""Worlds don't disturb each other, survive the death of their parts, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.waiting import until
from harness.worldobjects import PODS, pod, wait_for_phase
from localworld.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_START_SECONDS = 90.0
_STOP_SECONDS = 20.0


def alive(pids: Iterable[int]) -> list[int]:
    """Those that still run; a zombie does not."""
    found = []
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        if status.rpartition(")")[2].split()[0] != "Z":
            found.append(pid)
    return found


def await_true(holds: Callable[[], bool], seconds: float, what: str) -> None:
    until(holds, what, seconds)


def processes_of(folder: Path) -> list[int]:
    """The processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return alive(found)


def test_two_worlds_at_once_and_the_first_goes_on(audited_world: World, tmp_path: Path) -> None:
    with World.start(tmp_path / "second") as second:
        second.push_image("quay.io/acme/only-second:1")
        second.api.create("/api/v1/namespaces", {"metadata": {"name": "only-second"}})
        second.push_image("busybox:1.36")
        second.api.create(PODS, pod("in-second", "busybox:1.36"))
        wait_for_phase(second, "in-second", "Running")
        pids = [child.pid for child in second.children]

        names = {item["metadata"]["name"] for item in audited_world.api.get("/api/v1/namespaces")["items"]}
        assert "only-second" not in names
        assert not {child.pid for child in audited_world.children} & set(pids)

    assert alive(pids) == []
    assert processes_of(tmp_path / "second") == []
    assert all(child.running for child in audited_world.children)
    assert audited_world.api.ready()


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")

    with pytest.raises(FileExistsError, match="is not empty and holds no earlier world"):
        World.start(tmp_path)

    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_objects_outlive_the_api_server_and_etcd(audited_world: World) -> None:
    audited_world.api.create("/api/v1/namespaces", {"metadata": {"name": "kept"}})

    audited_world.restart_apiserver()
    audited_world.restart_etcd()
    audited_world.restart_controller_manager()

    audited_world.api.wait("/api/v1/namespaces/kept", lambda found: found["status"]["phase"] == "Active")
    audited_world.api.create(PODS, pod("after", "busybox:1.36"))
    wait_for_phase(audited_world, "after", "Running")


def test_a_paused_api_server_answers_when_it_goes_on(audited_world: World) -> None:
    audited_world.apiserver.pause()
    try:
        assert not audited_world.api.ready()
    finally:
        audited_world.apiserver.resume()

    await_true(audited_world.api.ready, 20, "the API server's recovery")


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from localworld.world import World\n"
        "world = World.start(Path(sys.argv[1]))\n"
        "print('up', flush=True)\n"
        "time.sleep(300)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, env=environment, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert len(processes_of(folder)) > 5

        parent.kill()
        parent.wait(_STOP_SECONDS)

    await_true(lambda: processes_of(folder) == [], _STOP_SECONDS, "the children's end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "world"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-m", "localworld", "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as command:
        assert command.stdout is not None
        shown = []
        for line in command.stdout:
            shown.append(line)
            if line.startswith("Ctrl-C"):
                break
        offered = is_offered(folder, shown)
        command.send_signal(number)
        code = command.wait(_STOP_SECONDS)
        errors = command.stderr.read() if command.stderr else ""

    assert code == 0, errors
    assert f"export KUBECONFIG={folder}/kubeconfig\n" in shown
    assert any(line.startswith("proxy.replicated.com ") for line in shown)
    assert "the sample vendor released 1.1.0" in errors
    assert offered == ("1.0.1", "1.1.0")
    assert processes_of(folder) == []


def is_offered(folder: Path, shown: list[str]) -> tuple[str, str]:
    """The sample's version at first, and after doing what the command says; by the license, as anybody would."""
    (copy,) = [line.split() for line in shown if line.startswith("  cp -r ")]
    (run,) = [line.split() for line in shown if "kotsapp run" in line]
    (path,) = [line.strip().removeprefix("export PATH=") for line in shown if line.startswith("export PATH=")]
    kubectl = {**os.environ, "PATH": path.replace("$PATH", os.environ["PATH"]), "KUBECONFIG": f"{folder}/kubeconfig"}
    subprocess.run(run[: run.index("&&")], check=True, env=kubectl)
    (app,) = [line.split() for line in shown if f"{folder}/sample/app.yaml" in line]
    subprocess.run(app[: app.index("&&")], check=True, env=kubectl)
    keys, registries = run[run.index("--trusted-keys") + 1], run[run.index("--registries") + 1]

    def pulled() -> str:
        command = [sys.executable, "-m", "kotsapp", "pull", "--license", str(folder / "sample/license.yaml")]
        command += ["--registries", registries, "--trusted-keys", keys, "--to", str(folder / "pulled"), "-o", "json"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return str(json.loads(done.stdout)["versionLabel"])

    first = pulled()
    subprocess.run(copy, check=True)
    await_true(lambda: pulled() == "1.1.0", _STOP_SECONDS, "the release that was put into the channel")
    return first, pulled()

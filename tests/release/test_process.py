"""Jobs run in children that can be killed: what comes out, what they may take, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from harness.reader_jobs import Answer
from harness.waiting import until
from kotsapp.fair_queue import Tenant
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import leftovers, sandbox
from kotsapp.release.fork_client import Death
from kotsapp.release.fork_server import Limits
from kotsapp.release.helm_process import execute
from kotsapp.release.process import Job, Reader, ReaderDiedError, ReaderUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

JOBS = "harness.reader_jobs"
MIB = 1024 * 1024
LIMITS = Limits(memory=96 * MIB, cpu_seconds=1, file_bytes=4 * MIB, files=32)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="readers are forked on Linux alone")


@pytest_asyncio.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    reader = Reader(JOBS, limits=LIMITS, base=tmp_path)
    yield reader
    await reader.close()


async def run(reader: Reader, job: str, *arguments: Any, **options: Any) -> Answer:
    options = {"tenant": Tenant("apps"), "fingerprint": "f", **options}
    return await reader.run(Job(job, arguments, Answer, charts=options.pop("charts", False)), **options)


async def death(reader: Reader, job: str, *arguments: Any) -> Death:
    with pytest.raises(ReaderDiedError) as caught:
        await run(reader, job, *arguments)
    return caught.value.death


async def eventually(condition: Callable[[], Any], what: str) -> None:
    await asyncio.to_thread(until, condition, what)


def folders(base: Path) -> list[str]:
    return sorted(path.name for path in base.glob("kotsapp-reader-*/job-*"))


def alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_what_goes_in_comes_out(reader: Reader, tmp_path: Path) -> None:
    items = ({"a": [1, 2.5, None, True, "é\ud83d"]}, "x" * 300_000, [], -(2**63))
    answer = await run(reader, "echo", "text", items)
    assert (answer.text, answer.items) == ("text", items)
    assert answer.number != (await run(reader, "echo", "text")).number, "each job has a process of its own"
    assert folders(tmp_path) == []


async def test_an_error_for_the_author_comes_out_with_its_place(reader: Reader) -> None:
    with pytest.raises(ManifestError) as caught:
        await run(reader, "refuse")
    assert str(caught.value) == "ConfigMap m, key a.yaml, document 2, line 7: is not what it should be: fix it"
    assert caught.value.place.line == 7


async def test_a_fault_says_nothing_of_what_was_read(reader: Reader) -> None:
    with pytest.raises(ReaderDiedError, match="ended unexpectedly") as caught:
        await run(reader, "fail")
    assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("job", "arguments", "expected"),
    [
        ("take_memory", (200,), Death.MEMORY),
        ("spin", (), Death.CPU),
        ("crash", (), Death.CRASH),
        ("answer_much", (33,), Death.ANSWER),
        ("write_much", (5,), Death.CRASH),
    ],
)
async def test_a_child_that_takes_too_much_dies_and_the_next_one_lives(
    reader: Reader, tmp_path: Path, job: str, arguments: tuple[Any, ...], expected: Death
) -> None:
    assert await death(reader, job, *arguments) is expected
    assert (await run(reader, "echo", "next")).text == "next"
    assert folders(tmp_path) == []


async def test_a_child_that_does_not_end_is_killed_with_what_it_started(tmp_path: Path) -> None:
    reader = Reader(JOBS, limits=LIMITS, seconds=0.5, base=tmp_path)
    try:
        assert await death(reader, "sleep", 600) is Death.WALL_CLOCK
        assert (await run(reader, "echo", "next")).text == "next"
    finally:
        await reader.close()


async def test_nothing_that_a_job_started_outlives_it(reader: Reader) -> None:
    answer = await run(reader, "leave_running")
    await eventually(lambda: not alive(answer.number), "the process is gone")


async def test_a_job_whose_asker_is_gone_is_killed(reader: Reader, tmp_path: Path) -> None:
    await reader.start()
    asked = asyncio.create_task(run(reader, "sleep", 600))
    await eventually(lambda: folders(tmp_path), "the job runs")
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await eventually(lambda: not folders(tmp_path), "the job is gone")
    assert (await run(reader, "echo", "next")).text == "next"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        struct.pack("!I", 0),
        struct.pack("!I", 2**32 - 1),
        struct.pack("!I", 5) + b"rxxxx" + struct.pack("!I", 0),
        struct.pack("!I", 3) + b"r{}" + struct.pack("!I", 0),
        struct.pack("!I", 100_001) + b"r" + b"[" * 100_000 + struct.pack("!I", 0),
        struct.pack("!I", 32) + b"r" + b'{"field":"number","value":"one"}'[:31] + struct.pack("!I", 0),
        struct.pack("!I", 31) + b"r" + b'{"field":"text","items":[1,2]}' + struct.pack("!I", 0),
        struct.pack("!I", 29) + b"r" + b'{"field":"secret","value":1}' + struct.pack("!I", 0),
        struct.pack("!I", 3) + b"r{}" + struct.pack("!I", 3) + b"e{}" + struct.pack("!I", 0),
        struct.pack("!I", 3) + b"x{}" + struct.pack("!I", 0),
    ],
)
async def test_an_answer_that_is_none_is_a_death(reader: Reader, data: bytes) -> None:
    assert await death(reader, "lie", data) in {Death.CRASH, Death.ANSWER}
    assert (await run(reader, "echo", "next")).text == "next"


async def test_a_child_has_nothing_of_the_operators(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/secret")
    secret = tmp_path / "token"
    secret.write_text("the-secret")
    with secret.open() as held, socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(held.fileno(), True)
        answer = await run(reader, "look_around", str(secret), server.getsockname()[1])
    environment, opened, read, connected, folder = answer.items
    assert not any("secret" in f"{name}={value}" for name, value in environment.items())
    assert not any("token" in name for name in opened)
    assert folder.startswith(str(tmp_path))
    if sandbox.landlock_version() >= 4:
        assert (read, connected) == ("Permission denied", "Permission denied")


async def test_a_child_gives_way_to_the_operator(reader: Reader) -> None:
    child = await run(reader, "priority")
    assert int(child.text) > os.nice(0)
    assert child.number == os.getsid(0)  # Linux may share cores among sessions first, and look at niceness within one


def test_what_is_run_for_a_release_is_a_group_of_the_readers_session(tmp_path: Path) -> None:
    say = "import os; print(os.getsid(0), os.getpgid(0) == os.getpid())"
    ran = execute([sys.executable, "-c", say], tmp_path, 30)
    assert ran.output.decode().split() == [str(os.getsid(0)), "True"]


async def test_two_at_a_time_and_no_more(reader: Reader, tmp_path: Path) -> None:
    jobs = [asyncio.create_task(run(reader, "sleep", 0.2, tenant=Tenant(f"n{n}"))) for n in range(6)]
    most = 0
    while not all(job.done() for job in jobs):
        most = max(most, len(folders(tmp_path)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*jobs)
    assert most == 2


async def test_however_many_apps_of_a_namespace_are_read_another_one_finds_a_reader(reader: Reader) -> None:
    many = [asyncio.create_task(run(reader, "sleep", 60.0, tenant=Tenant("busy", f"app-{n}"))) for n in range(4)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert (await run(reader, "echo", "meanwhile", tenant=Tenant("other", "x"))).text == "meanwhile"
    assert not any(task.done() for task in many)
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_what_is_not_quick_holds_up_nobody(tmp_path: Path) -> None:
    """Two that take long would be both readers; each is begun anew behind the others, with all its time."""
    reader = Reader(JOBS, limits=LIMITS, quick=0.3, seconds=60, base=tmp_path)
    slow = [
        asyncio.create_task(run(reader, "sleep", 1.0, tenant=Tenant(f"slow-{n}"), fingerprint=f"s{n}"))
        for n in range(3)
    ]
    try:
        await eventually(lambda: len(folders(tmp_path)) == 2, "both readers are at work")
        answers = [await run(reader, "echo", str(n), tenant=Tenant("other")) for n in range(3)]
        assert [answer.text for answer in answers] == ["0", "1", "2"]
        assert not all(task.done() for task in slow)
        assert all(answer.number for answer in await asyncio.gather(*slow))
    finally:
        await reader.close()


async def test_of_those_that_run_helm_there_is_one(reader: Reader, tmp_path: Path) -> None:
    jobs = [asyncio.create_task(run(reader, "sleep", 0.2, tenant=Tenant(f"n{n}"), charts=True)) for n in range(3)]
    await eventually(lambda: folders(tmp_path), "one is at work")
    assert (await run(reader, "echo", "meanwhile", tenant=Tenant("other"))).text == "meanwhile"
    most = 0
    while not all(job.done() for job in jobs):
        most = max(most, len(folders(tmp_path)))
        await asyncio.sleep(0.005)
    await asyncio.gather(*jobs)
    assert most == 1


async def test_who_stops_waiting_for_the_start_stops_nobody_else(reader: Reader) -> None:
    asked = asyncio.create_task(run(reader, "echo", "first"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert (await run(reader, "echo", "next")).text == "next"


async def test_a_server_that_is_gone_is_started_anew(reader: Reader, tmp_path: Path) -> None:
    await reader.start()
    assert reader._server is not None
    asked = asyncio.create_task(run(reader, "sleep", 600))
    await eventually(lambda: folders(tmp_path), "the job runs")
    reader._server._process.kill()
    with pytest.raises(ReaderDiedError, match="ended unexpectedly"):
        await asked
    assert (await run(reader, "echo", "next")).text == "next"


async def test_without_room_for_its_folders_nothing_is_read_and_the_reason_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    reader = Reader(JOBS, limits=LIMITS, base=gone)
    try:
        await reader.start()
        with pytest.raises(ReaderUnavailableError, match=f"can't write in {gone} .*No such file"):
            await run(reader, "echo", "none")
        gone.mkdir()
        assert (await run(reader, "echo", "some")).text == "some"
        [folder] = gone.iterdir()
        shutil.rmtree(folder)
        with pytest.raises(ReaderUnavailableError, match="No such file"):
            await run(reader, "echo", "none")
    finally:
        await reader.close()


OPERATOR = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from harness.reader_jobs import Answer
    from kotsapp.fair_queue import Tenant
    from kotsapp.release.process import Job, Reader

    async def main():
        reader = Reader("harness.reader_jobs", base=Path(sys.argv[1]))
        await reader.start()
        job = reader.run(Job("sleep", (600.0, sys.argv[2]), Answer), tenant=Tenant("a"), fingerprint="digest")
        await job

    asyncio.run(main())
""")


def test_a_killed_operator_leaves_no_process_and_its_folder_goes_at_the_next_start(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPERATOR, str(tmp_path), "started"]
    operator = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        until(lambda: list(tmp_path.glob("kotsapp-reader-*/job-digest-*/started")), "the job runs")
    finally:
        operator.send_signal(signal.SIGKILL)
        operator.wait()
    [job] = tmp_path.glob("kotsapp-reader-*/job-*")
    until(lambda: not processes_in(job.parent), "nothing runs")
    assert leftovers.removed(tmp_path) == {"digest"}
    assert list(tmp_path.iterdir()) == []


def processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder) in (process / "cmdline").read_text().split("\0"):
                found.append(process.name)
    return found


async def test_the_folder_of_a_reader_at_work_is_no_leftover(reader: Reader, tmp_path: Path) -> None:
    await reader.start()
    assert leftovers.removed(tmp_path) == frozenset()
    assert (await run(reader, "echo", "still there")).text == "still there"


def test_a_folder_that_was_just_made_is_no_leftover_to_an_operator_that_starts_at_the_same_moment(
    tmp_path: Path,
) -> None:
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            leftovers.removed(tmp_path)

    other = threading.Thread(target=sweep)
    other.start()
    try:
        made = [leftovers.new_folder(tmp_path) for _ in range(300)]
    finally:
        over.set()
        other.join()

    assert [folder.name for folder, _ in made if not folder.exists()] == []
    for _, lock in made:
        lock.close()
    leftovers.removed(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_answers_frames_are_small(tmp_path: Path) -> None:
    from kotsapp.release import codec

    frames = list(codec.encode(Answer("t", tuple({"n": n, "x": "y" * 1000} for n in range(1000)))))
    assert max(map(len, frames)) < codec.FRAME_BYTES + 4096
    assert codec.decode(Answer, frames).items[999]["n"] == 999
    assert all(isinstance(json.loads(frame), dict) for frame in frames)


def test_a_server_whose_operator_ended_meanwhile_ends_without_a_word(tmp_path: Path) -> None:
    bounds = json.dumps(dataclasses.asdict(LIMITS))
    ours, its = socket.socketpair()
    with ours, its:
        ended = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "kotsapp.release.fork_server", str(its.fileno())),
                *(str(tmp_path / "gone"), JOBS, bounds),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=[its.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")

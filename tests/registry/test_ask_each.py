"""A command that runs once asks each image, however broken others of the same host are."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.hostile import Behaviour, HostileRegistry, Request, Talk, says
from harness.hostile_answers import BEHAVIOURS
from harness.licenses import Signer
from kotsapp.cli import main
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

HOST = "registry.example.invalid"
# The broken repository is asked first, as often as it takes for a host to be left alone.
IMAGES = [f"{HOST}/broken/x:{tag}" for tag in range(4)] + [f"{HOST}/good/x:{tag}" for tag in range(6)]


async def closes(request: Request, talk: Talk) -> None:
    raise ConnectionAbortedError


async def resets(request: Request, talk: Talk) -> None:
    talk.reset()
    raise ConnectionAbortedError


BROKEN: dict[str, Behaviour] = {
    "500": says(500),
    "502": says(502),
    "closes": closes,
    "resets": resets,
    "noise": BEHAVIOURS["noise"],
    "token service fails": BEHAVIOURS["token-broken"],
}


@contextlib.contextmanager
def serving(behaviours: dict[str, Behaviour], folder: Path) -> Iterator[tuple[HostileRegistry, Path]]:
    """A registry in a thread of its own, for commands that have a loop of theirs; and the registries file for it."""
    server, loop, up = HostileRegistry({**BEHAVIOURS, **behaviours}), asyncio.new_event_loop(), threading.Event()
    end = asyncio.Event()

    async def serve() -> None:
        async with server:
            up.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert up.wait(10)
        file = folder / "registries.yaml"
        file.write_text(yaml.safe_dump({"registries": [{"host": HOST, "endpoint": server.endpoint}]}))
        yield server, file
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    return {image["image"]: image for image in json.loads(capsys.readouterr().out)["images"]}


@pytest.mark.parametrize("how", BROKEN)
def test_one_broken_repository_keeps_no_other_image_from_being_asked(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving({"broken": BROKEN[how], "good": BEHAVIOURS["ok"]}, tmp_path) as (_, file):
        code = main(["probe", "--registries", str(file), "-o", "json", *IMAGES])

    found = printed(capsys)
    assert code == 1
    assert {name: one["verdict"] for name, one in found.items()} == {
        name: "Unreachable" if "/broken/" in name else "Public" for name in IMAGES
    }
    assert all(one["requests"] >= 1 for one in found.values())


def test_render_asks_each_image_too(signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(IMAGES)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    with serving({"broken": says(500), "good": BEHAVIOURS["ok"]}, tmp_path) as (server, file):
        code = main(
            ["render", "-f", str(tmp_path / "pod.yaml"), "--registries", str(file), *license_words(signer, tmp_path)]
        )

    captured = capsys.readouterr().err
    assert code == 1
    assert "/broken/" in captured
    assert "/good/" not in captured
    assert {request.path for request in server.requests} >= {f"/v2/good/x/manifests/{tag}" for tag in range(6)}


def license_words(signer: Signer, folder: Path) -> Sequence[str]:
    (folder / "license.yaml").write_bytes(signer.sign())
    return ["--license", str(folder / "license.yaml"), "--trusted-keys", str(signer.folder)]


@contextlib.asynccontextmanager
async def prober_of(server: HostileRegistry, *, ask_each: bool) -> AsyncIterator[Prober]:
    entries = [{"host": HOST, "endpoint": server.endpoint}]
    async with Prober(Registries.read({"registries": entries}, "test"), ask_each=ask_each) as prober:
        yield prober


async def probe(prober: Prober, image: str, timeout: float = 10) -> ProbeResult:
    return await prober.probe(parse(image), timeout=timeout, max_age=60)


async def test_slower_and_few_at_once_while_the_host_fails() -> None:
    now = most = 0

    async def broken(request: Request, talk: Talk) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        await talk.answer(500)

    async with HostileRegistry({"broken": broken}) as server, prober_of(server, ask_each=True) as prober:
        first = [await probe(prober, f"{HOST}/broken/x:{tag}") for tag in range(3)]
        most = 0
        loop = asyncio.get_running_loop()
        started = loop.time()
        rest = await asyncio.gather(*(probe(prober, f"{HOST}/broken/y:{tag}") for tag in range(4)))
        took = loop.time() - started

    assert {result.verdict for result in (*first, *rest)} == {Verdict.UNREACHABLE}
    assert most <= 2
    assert took > 0.9
    assert {result.requests for result in rest} == {1}


@pytest.mark.parametrize("answer", [says(429, {"Retry-After": "60"}), says(503, {"Retry-After": "60"})])
async def test_what_the_host_itself_asks_for_is_kept_to(answer: Behaviour) -> None:
    async with HostileRegistry({"busy": answer}) as server, prober_of(server, ask_each=True) as prober:
        results = [await probe(prober, f"{HOST}/busy/x:{tag}") for tag in range(5)]

    assert len(server.requests) == 1
    assert all(result.retry_after for result in results)


async def test_a_host_that_can_not_be_reached_at_all_is_not_tried_for_each_image() -> None:
    async with HostileRegistry({}) as gone:
        pass
    async with prober_of(gone, ask_each=True) as prober:
        results = [await probe(prober, f"{HOST}/x/y:{tag}") for tag in range(5)]

    assert {result.verdict for result in results} == {Verdict.UNREACHABLE}
    assert sum(result.requests for result in results) == 1


async def test_the_operator_stays_polite() -> None:
    behaviours = {"broken": says(500), "good": BEHAVIOURS["ok"]}
    async with HostileRegistry(behaviours) as server, prober_of(server, ask_each=False) as prober:
        broken = [await probe(prober, f"{HOST}/broken/x:{tag}") for tag in range(4)]
        good = await probe(prober, f"{HOST}/good/x:1")

    assert [result.requests for result in broken] == [1, 1, 1, 0]
    assert (good.verdict, good.requests) == (Verdict.UNREACHABLE, 0)
    assert good.retry_after

"""The operator's life in process, at an API server that answers what a test wants: it goes on, or ends when told to."""

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from kotsapp import logs
from kotsapp.backoff import Backoff
from kotsapp.license import TrustedKeys
from kotsapp.operating import Operator, OperatorMetrics, Options
from kotsapp.reconcile.services import Settings
from kotsapp.registry.config import Registries

GROUP = "/apis/kotsapp.dev/v1alpha1"
SOON = 60.0
_VERSION = {"groupVersion": "kotsapp.dev/v1alpha1", "version": "v1alpha1"}


def _kind(plural: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    verbs = ["get", "list", "watch", "patch"]
    return {"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": verbs}


DISCOVERY: dict[str, dict[str, Any]] = {
    "/version": {"gitVersion": "v1.37.2"},
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [_kind("namespaces", "Namespace", namespaced=False)]},
    "/apis": {"groups": [{"name": "kotsapp.dev", "versions": [_VERSION], "preferredVersion": _VERSION}]},
    GROUP: {"resources": [_kind("kotsapps", "KotsApp", namespaced=True)]},
}
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
BROKEN = {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcdserver: leader changed"}


@dataclass
class ApiServer:
    """Serves the kind KotsApp, and none of it. ``watch`` is how each watch is answered, the last one for ever."""

    watch: list[int | dict[str, Any]] = field(default_factory=list)
    served: bool = True
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.path in DISCOVERY and (self.served or request.path != GROUP):
            return web.json_response(DISCOVERY[request.path])
        if request.path == f"{GROUP}/kotsapps" and "watch" in request.query:
            return await self._watched(request)
        if request.path == f"{GROUP}/kotsapps":
            return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})
        return web.json_response({"resources": []})

    async def _watched(self, request: web.Request) -> web.StreamResponse:
        what = self.watch.pop(0) if len(self.watch) > 1 else self.watch[0] if self.watch else None
        if isinstance(what, int):
            return web.json_response({"kind": "Status", "code": what, "message": f"said {what}"}, status=what)
        response = web.StreamResponse()
        await response.prepare(request)
        if what is None:
            await asyncio.Event().wait()
        await response.write(json.dumps({"type": "ERROR", "object": what}).encode() + b"\n")
        return response


@dataclass
class Life:
    operator: Operator
    api: ApiServer
    ended: "asyncio.Task[None]"
    lines: list[str]

    def said(self, what: str) -> int:
        return sum(what in line for line in self.lines)

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                assert not self.ended.done(), self.lines
                await asyncio.sleep(0.01)

    async def ends(self) -> None:
        """SIGTERM, and that is that."""
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(SOON):
            await self.ended


@asynccontextmanager
async def living(
    api: ApiServer, folder: Path, monkeypatch: pytest.MonkeyPatch, pause: float = 0.0
) -> AsyncIterator[Life]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.answer)
    lines: list[str] = []
    noting = _Noting(lines)
    noting.addFilter(logs.said_elsewhere)
    root = logging.getLogger()
    root.addHandler(noting)
    async with TestServer(application) as server:
        config = {
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "users": [{"name": "me", "user": {}}],
            "current-context": "here",
        }
        (folder / "config").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(folder / "config"))
        options = Options(
            Registries.empty(),
            TrustedKeys.load(None),
            Settings(),
            error_backoffs=(0.01, 0.01),
            begin_anew=Backoff(first=pause, longest=pause),
        )
        operator = Operator(options, OperatorMetrics.register(CollectorRegistry()))
        ended = asyncio.ensure_future(operator.run())
        try:
            yield Life(operator, api, ended, lines)
        finally:
            root.removeHandler(noting)
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)


class _Noting(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines
        self._formatter = logs.formatter("text")

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self._formatter.format(record))


@pytest.mark.parametrize(
    ("answers", "reported"),
    [
        ([403, 403, 403], "said 403"),
        ([500, 500, 500], "said 500"),
        ([422], "said 422"),
        ([BROKEN], "etcdserver: leader changed"),
    ],
    ids=["403 for long", "500 for long", "422", "an error of the watch"],
)
async def test_what_kopf_dies_of_is_told_in_a_line_and_tried_again(
    answers: list[Any], reported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(ApiServer([*answers, None]), tmp_path, monkeypatch) as life:
        await life.until(lambda: life.operator.readiness().ready and life.said("beginning anew"))
        (line,) = [line for line in life.lines if "beginning anew" in line]
        assert reported in line
        assert "\n" not in line
        assert life.said("Traceback") == life.said("Request attempt") == 0
        await life.ends()


async def test_a_fault_in_reading_an_answer_is_told_whole_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(ApiServer([{"kind": "Status", "message": "no code"}, None]), tmp_path, monkeypatch) as life:
        await life.until(lambda: life.operator.readiness().ready and life.said("beginning anew"))
        assert life.said("Traceback")
        await life.ends()


async def test_an_old_version_of_the_watch_is_nothing_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(ApiServer([GONE, GONE, None]), tmp_path, monkeypatch) as life:
        await life.until(lambda: life.operator.readiness().ready and len(life.api.watch) == 1)
        assert life.said("beginning anew") == 0
        await life.ends()


async def test_meanwhile_it_is_not_ready_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(ApiServer([BROKEN]), tmp_path, monkeypatch, pause=3600.0) as life:
        await life.until(lambda: life.said("beginning anew in 3600 s"))
        assert not life.operator.readiness().ready
        assert "etcdserver: leader changed" in life.operator.readiness().said
        await life.ends()  # while it waits to begin anew


async def test_it_ends_when_told_to_while_it_waits_for_its_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(ApiServer(served=False), tmp_path, monkeypatch) as life:
        await life.until(lambda: life.said("not installed; waiting for it"))
        await life.ends()


async def test_it_ends_when_told_to_as_its_watch_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes while Kopf ends for another reason, and then never again."""
    async with living(ApiServer([None]), tmp_path, monkeypatch) as life:
        await life.until(lambda: life.operator.readiness().ready)
        life.api.watch[:] = [404]
        life.api.served = False
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(SOON):
            await life.ended
        assert life.said("beginning anew") == 0


async def test_the_garbage_collector_passes_over_what_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full collection stops the loop, and with it every app, for as long as it takes."""
    gc.unfreeze()
    before = len(gc.get_objects())
    try:
        async with living(ApiServer(), tmp_path, monkeypatch) as life:
            await life.until(gc.get_freeze_count)
            assert len(gc.get_objects()) < before / 4
    finally:
        gc.unfreeze()

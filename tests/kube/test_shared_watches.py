"""What several apps watch together is watched for none of them alone: not in its turns, and with no secret of any."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pytest

from harness.cluster import APP, NAMESPACE, fake_cluster, watched_objects
from harness.fakekube import Match, connect
from harness.virtual_time import in_virtual_time, until
from kotsapp.fair_queue import Tenant, acting_for
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import Owner
from kotsapp.kube.reflector import Reflector
from kotsapp.logs import formatter
from kotsapp.pods.watch import PodWatches
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.redact import Redactor, use

OTHER = Owner(NAMESPACE, "other")
SECRETS = {APP: "Tr0ub4dor-and-3-more", OTHER: "hunter2hunter2-and-4"}
Follow = Callable[[Owner], Awaitable[object]]


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """All that is said meanwhile, as the operator's log has it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter("text"))
    logger = logging.getLogger("kotsapp")
    logger.addHandler(handler)
    try:
        yield written
    finally:
        logger.removeHandler(handler)


async def of_app(owner: Owner, work: Callable[[], Awaitable[object]]) -> None:
    """Done as in the app's own task, which knows its secret."""
    redactor = Redactor()
    redactor.learn("license", [SECRETS[owner]])

    async def as_app() -> None:
        use(redactor)
        acting_for.set(Tenant(*owner))
        await work()

    await asyncio.create_task(as_app(), context=copy_context())
    KEPT.append(redactor)  # as the app's memory does


KEPT: list[Redactor] = []


async def owned(client: KubeClient) -> tuple[Follow, Callable[[], Awaitable[None]], Match]:
    cache, _ = watched_objects()
    kind = await client.resource_type("v1", "ConfigMap")
    return lambda owner: cache.follow(kind, None, client, owner), cache.close, Match("list", "ConfigMap")


async def pods(client: KubeClient) -> tuple[Follow, Callable[[], Awaitable[None]], Match]:
    watches = PodWatches(lambda _: None)
    return lambda owner: watches.follow(owner, client), watches.close, Match("list", "Pod")


async def references(client: KubeClient) -> tuple[Follow, Callable[[], Awaitable[None]], Match]:
    watches = ReferenceWatch(client, lambda *_: None, lambda *_: None)
    return lambda owner: watches.follow("Secret", owner.namespace), watches.close, Match("list", "Secret")


@pytest.mark.parametrize("first", [APP, OTHER], ids=["the first one's", "the other one's"])
@pytest.mark.parametrize("kind", [owned, pods, references])
@in_virtual_time
async def test_what_a_shared_watch_says_holds_no_secret_of_any_app(kind: Any, first: Owner) -> None:
    api = fake_cluster()
    follow, close, lists = await kind(connect(api))
    with logged() as log, api.paused(lists) as pause:
        both = [asyncio.create_task(of_app(owner, lambda owner=owner: follow(owner))) for owner in (APP, OTHER)]
        await until(lambda: pause.reached)
        api.fail(403, times=2, message=f"may not, says {SECRETS[first]}", match=lists)
        pause.release.set()
        await asyncio.gather(*both)
        await until(lambda: "may not watch" in log.getvalue())
    await close()

    assert "may not, says ***" in log.getvalue()


class Asking(Reflector):
    """Notes on whose behalf it lists."""

    def __init__(self) -> None:
        super().__init__("somethings")
        self.asked_for: list[Tenant | None] = []

    async def list(self) -> str:
        self.asked_for.append(acting_for.get())
        return "1"

    async def watch(self, version: str) -> AsyncIterator[Mapping[str, Any]]:  # noqa: ARG002 - the Reflector's
        await asyncio.sleep(3600)
        yield {}

    def observe(self, event: Mapping[str, Any]) -> None:
        raise AssertionError(event)


@in_virtual_time
async def test_a_shared_watch_takes_no_turn_of_the_app_for_which_it_was_begun() -> None:
    watch = Asking()

    async def begin() -> None:
        watch.start()
        await until(lambda: watch.asked_for)

    await of_app(APP, begin)
    watch.cancel()

    assert watch.asked_for == [None]

"""The way out to sources: HTTP answers, guarded and bounded as those of registries are, each credential to its host.

The credential of the first request goes to its origin alone. A redirect to another origin is followed without it, as
every HTTP client does it, and nothing that comes after gets it back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.registry.client import Answer, Client
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import NoAnswer, Trouble
from kotsapp.registry.exchange import Observer
from kotsapp.registry.guard import Destination, Guard, Refused
from kotsapp.registry.redirects import REDIRECTS, destination_of
from kotsapp.registry.repository import RepositoryClient
from kotsapp.sources.errors import SourceError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.limits import ASK_SECONDS, MAX_FETCHES, MAX_LOOKS, MAX_REDIRECTS

# What a person has to change before it can be any different.
_FOR_GOOD = frozenset({Trouble.REFUSED, Trouble.REDIRECT})


@dataclass(frozen=True, slots=True)
class Question:
    """A GET. ``limit`` are the bytes of a 200's body that are read at most, ``seconds`` are for all of it, ``kind`` is
    what metrics call it."""

    url: str
    credential: Credential | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    seconds: float = ASK_SECONDS
    kind: str = ""


class Web:
    """Asks sources. One for the whole operator; use as an async context manager.

    ``registries`` is the administrator's file: it says where a host really is, and how its certificate is checked.
    ``received`` is called with bytes as they come: how many of how many, None where that is not known; ``observe`` of
    each request and its answer.
    """

    def __init__(
        self,
        registries: Registries | None = None,
        *,
        allow_private: bool = True,
        guard: Guard | None = None,
        resolver: AbstractResolver | None = None,
        received: Callable[[int, int | None], None] | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.registries = registries or Registries.empty()
        self.guard = guard or Guard(self.registries, allow_private=allow_private)
        self.client = Client(self.guard, resolver, received)
        self._observe = observe or (lambda *_: None)
        self.repositories = RepositoryClient(self.client, self.guard, self.registries, observe)
        self._looks = FairQueue(MAX_LOOKS, spare=True)
        self._fetches = FairQueue(MAX_FETCHES, spare=True)

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def looking(self, tenant: Tenant) -> AsyncIterator[None]:
        """A slot to look at one source."""
        async with self._looks.slot(tenant):
            yield

    @asynccontextmanager
    async def fetching(self, tenant: Tenant) -> AsyncIterator[None]:
        """A slot to fetch what is large."""
        async with self._fetches.slot(tenant):
            yield

    async def get(self, question: Question) -> Answer:
        """The answer, whatever its status; redirects are followed. Raises SourceError."""
        try:
            at = self.guard.service(question.url)
        except Refused as refused:
            raise SourceRefusedError(f"the address is not asked: {refused}") from None
        try:
            async with asyncio.timeout(question.seconds):
                return await self._get(question, at)
        except TimeoutError:
            raise SourceUnreachableError(f"{at.name} did not answer within {question.seconds:g} s") from None
        except NoAnswer as no_answer:
            raise trouble(no_answer) from None

    async def _get(self, question: Question, first: Destination) -> Answer:
        at, credential = first, question.credential
        for _ in range(MAX_REDIRECTS + 1):
            headers = dict(question.headers)
            if credential is not None:
                headers["Authorization"] = credential.basic
            answer = None
            try:
                answer = await self.client.ask("GET", at, headers, body_limit=question.limit)
            finally:
                self._observe(at.name, question.kind, answer)
            if answer.status not in REDIRECTS:
                return answer
            at = destination_of(self.guard, answer, at, question.credential)
            if (at.origin, at.name) != (first.origin, first.name):
                credential = None
        raise NoAnswer(Trouble.REDIRECT, first.name, f"redirected more than {MAX_REDIRECTS} times")


def trouble(no_answer: NoAnswer) -> SourceError:
    """Why nobody answered, as an error of a source."""
    message = f"{no_answer.host} {no_answer.message}"
    if no_answer.trouble in _FOR_GOOD:
        return SourceRefusedError(message)
    return SourceUnreachableError(message)

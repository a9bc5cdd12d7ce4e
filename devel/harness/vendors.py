"""A vendor whose release service is asked in process, without a socket: for tests in virtual time."""

# ruff: noqa: ARG002 - nobody has to wait for a slot here

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from harness.oci_registry import OciRegistry
from kotsapp.fair_queue import Tenant
from kotsapp.registry.client import Answer
from kotsapp.sources.errors import SourceUnreachableError
from kotsapp.sources.web import Question, Web
from localworld.release_channel import Request, Vendor


class VendorWeb(Web):
    """Every question goes to the vendor, or to the one registry; ``down`` is a service that nobody reaches.

    ``asked`` counts questions.
    """

    def __init__(self, vendor: Vendor, registry: OciRegistry | None = None) -> None:
        self.vendor = vendor
        self.registry = self.repositories = registry or OciRegistry()
        self.down = False
        self.asked = 0

    @asynccontextmanager
    async def looking(self, tenant: Tenant) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def fetching(self, tenant: Tenant) -> AsyncIterator[None]:
        yield

    async def get(self, question: Question) -> Answer:
        self.asked += 1
        headers = {name.lower(): value for name, value in question.headers.items()}
        if question.credential is not None:
            headers["authorization"] = question.credential.basic
        target = question.url.partition("://")[2].partition("/")[2]
        response = None if self.down else self.vendor.answer(Request(f"/{target}", headers))
        if response is None:
            raise SourceUnreachableError("replicated.app closed the connection without an answer")
        limit = question.limit
        return Answer(
            response.status, httpx.Headers(dict(response.headers)), response.body[:limit], len(response.body) <= limit
        )

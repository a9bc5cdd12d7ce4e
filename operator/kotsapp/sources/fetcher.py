"""Looks at sources of every kind: which module does which. One for the whole operator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kotsapp.fair_queue import Tenant
from kotsapp.license import License
from kotsapp.sources import channel, newest, oci
from kotsapp.sources.artifact import Access, Artifact, Known, Seen
from kotsapp.sources.items import RemoteItem
from kotsapp.sources.newest import Trust
from kotsapp.sources.oci_ref import OciRef
from kotsapp.sources.web import Web


class Fetcher:
    """Asks through one ``web``; each question in a slot (``slot``), or one tenant's silent servers held up all."""

    def __init__(self, web: Web) -> None:
        self._web = web

    @asynccontextmanager
    async def slot(self, tenant: Tenant) -> AsyncIterator[None]:
        """A slot to ask in, shared fairly between tenants."""
        async with self._web.looking(tenant):
            yield

    async def look(self, item: RemoteItem, access: Access, known: Known | None) -> Seen:
        """What is to be used of the source now. Raises SourceError."""
        if isinstance(item, OciRef):
            return await oci.look(item, access, known, self._web)
        return await channel.look(item, access, known, self._web)

    async def newest_license(self, license: License, trust: Trust) -> Artifact:
        """The license as the vendor has it now, verified. Raises SourceError."""
        return await newest.look(license, trust, self._web)

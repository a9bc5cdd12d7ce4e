"""Registries behind names and certificates, asked as if they were out in the world.

Loopback has to stand for the internet: 127.0.0.2 is declared public, 127.0.0.1 stays forbidden.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping

from harness.hostile import Behaviour, HostileRegistry, says
from harness.outside import HOST, OUTSIDE, Names, OutsideIsPublic
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober


@contextlib.asynccontextmanager
async def outside(
    behaviours: Mapping[str, Behaviour], tls: ssl.SSLContext | None, names: Mapping[str, list[str]] | None = None
) -> AsyncIterator[tuple[HostileRegistry, Prober]]:
    """A registry "on the internet" and a prober that knows nothing of it but its name."""
    async with HostileRegistry(dict(behaviours), tls=tls, address=OUTSIDE) as server:
        table = {HOST: [OUTSIDE], **(names or {})}
        registries = Registries.empty()
        async with Prober(registries, guard=OutsideIsPublic(registries), resolver=Names(table)) as prober:
            yield server, prober


async def probe(prober: Prober, server: HostileRegistry, behaviour: str) -> ProbeResult:
    return await prober.probe(parse(f"{HOST}:{server.port}/{behaviour}/x:1"), timeout=2, max_age=60)


def bearer(realm: str) -> Behaviour:
    return says(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})

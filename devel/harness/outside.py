"""Loopback stands for the internet: 127.0.0.2 is declared public, 127.0.0.1 stays forbidden."""

import socket
from collections.abc import Mapping

from aiohttp.abc import AbstractResolver, ResolveResult

from kotsapp.registry.guard import Guard

OUTSIDE = "127.0.0.2"
HOST = "registry.example.invalid"


class OutsideIsPublic(Guard):
    def refusal(self, address: str) -> str | None:
        return None if address == OUTSIDE else super().refusal(address)


class Names(AbstractResolver):
    """Answers from a table; a list is worked off one by one, the last one stays."""

    def __init__(self, table: Mapping[str, list[str]]) -> None:
        self.table = {name: list(addresses) for name, addresses in table.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.table.get(host)
        if not addresses:
            raise OSError("no such name")
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family or socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        pass

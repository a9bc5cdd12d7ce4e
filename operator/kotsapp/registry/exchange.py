"""What one question to a registry has done so far: for its limits, for a timeout's message, and for the metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kotsapp.registry.asker import Asker
from kotsapp.registry.client import Answer, Client
from kotsapp.registry.guard import Destination

# host asked, kind of request, and its answer, None when there was none
Observer = Callable[[str, str, Answer | None], None]

_WAITING_FOR = {
    "manifest_head": "the manifest",
    "manifest_get": "the manifest",
    "token": "a token",
    "blob": "a blob",
    "tags": "the list of tags",
}


@dataclass(slots=True)
class Exchange:
    """Counts requests and redirects; ``host`` and ``waiting_for`` say what is under way."""

    observe: Observer
    host: str
    asker: Asker = field(default_factory=Asker)
    waiting_for: str = "a connection"
    requests: int = 0
    redirects: int = 0

    def queue(self, host: str) -> None:
        """Nobody is asked until there is a slot at this host."""
        self.host, self.waiting_for = host, "our turn there"
        self.asker.queue()

    async def ask(
        self, client: Client, kind: str, method: str, at: Destination, headers: Mapping[str, str], body_limit: int
    ) -> Answer:
        """One request through the client, on record. Raises NoAnswer."""
        self.requests += 1
        self.host, self.waiting_for = at.name, _WAITING_FOR[kind]
        self.asker.proceed()
        answer = None
        try:
            answer = await client.ask(method, at, headers, body_limit=body_limit, asker=self.asker)
            return answer
        finally:
            self.observe(at.name, kind, answer)

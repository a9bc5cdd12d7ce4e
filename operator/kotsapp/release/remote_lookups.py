"""The operator's answers to look-ups, as a process sees them that has nothing but their address."""

import http.client
import json
from dataclasses import dataclass, field
from typing import Any

# Of what look-ups returned that may be in no message; they have bounds of their own.
_MAX_SECRETS_BYTES = 16 * 1024 * 1024
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class RemoteLookups:
    """Lookups of helm's (see ``helm.Lookups``) that are answered by another process of this machine."""

    url: str = field(repr=False)
    port: int

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self._ask("secrets"))

    def begin(self, pretended: frozenset[tuple[str, str]]) -> None:
        self._ask("begin", sorted(pretended))

    def _ask(self, what: str, body: Any = None) -> Any:
        """Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
        try:
            token = self.url.rpartition("/")[2]
            connection.request("POST", f"/{token}/{what}", json.dumps(body))
            answer = connection.getresponse()
            data = answer.read(_MAX_SECRETS_BYTES)
            if answer.status != http.client.OK:
                raise ConnectionError(f"the operator answers {answer.status}")
            return json.loads(data)
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionError(str(error)) from None
        finally:
            connection.close()

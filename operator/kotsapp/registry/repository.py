"""What a registry has, whole: manifests, blobs and lists of tags, with challenges, tokens and redirects as for pulls.

Where the puller asks whether there is a manifest, this one wants the answer itself, and says what it makes of a 401.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kotsapp.registry import challenge as challenges
from kotsapp.registry.auth import Authorization, Logins, Question, TokenRefused
from kotsapp.registry.client import Answer, Client
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, Login, NoAnswer, Trouble
from kotsapp.registry.exchange import Exchange, Observer
from kotsapp.registry.guard import Guard, Refused
from kotsapp.registry.limits import MAX_REQUESTS, MAX_TOKEN_ROUNDS
from kotsapp.registry.redirects import REDIRECTS, next_destination


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a registry, by the registry's canonical name, and with what it is asked (None = anonymously)."""

    registry: str
    name: str
    credential: Credential | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: ``path`` is behind the repository's name, such as ``/tags/list``.

    ``kind`` is one of those that ``Exchange`` knows; ``limit`` are the bytes of a 200's body that are read at most.
    """

    kind: str
    path: str
    query: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0


class LoginRefusedError(Exception):
    """A 401 that stands, or a token service that gives no token; ``evidence`` says whose and why."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(f"{evidence.host} answered {evidence.status}")
        self.evidence = evidence


class RepositoryClient:
    """Asks registries; what questions share is the client and the tokens, which are kept per credential."""

    def __init__(self, client: Client, guard: Guard, registries: Registries, observe: Observer | None = None) -> None:
        self._client = client
        self._guard = guard
        self._observe = observe or (lambda *_: None)
        self._logins = Logins(client, guard, registries)

    async def ask(self, of: Repository, wanted: Wanted) -> Answer:
        """The answer, whatever its status but 401; redirects are followed, without the credential to other hosts.

        Raises LoginRefusedError and NoAnswer. The caller sets the deadline: this waits as long as a registry lets it.
        """
        try:
            home = self._guard.at(of.registry, f"/v2/{of.name}{wanted.path}", wanted.query)
        except Refused as refused:
            raise NoAnswer(Trouble.REFUSED, of.registry, f"is not asked: {refused}") from None
        question = Question(home, of.name, of.credential)
        exchange = Exchange(self._observe, of.registry)
        authorizations: dict[object, Authorization] = {}
        at, rounds = home, 0
        while exchange.requests < MAX_REQUESTS:
            used = authorizations.get(at.origin)
            headers = dict(wanted.headers)
            if used is not None and used.header:
                headers["Authorization"] = used.header
            answer = await exchange.ask(self._client, wanted.kind, wanted.method, at, headers, wanted.limit)
            if answer.status in REDIRECTS:
                at = next_destination(self._guard, answer, at, exchange, of.credential)
            elif answer.status == 401:
                if rounds == MAX_TOKEN_ROUNDS:
                    raise LoginRefusedError(question.refused(Login.BEARER))
                authorizations[at.origin] = await self._log_in(replace(question, at=at), answer, used, exchange)
                rounds += 1
            else:
                return answer
        raise NoAnswer(Trouble.PROTOCOL, at.name, f"wanted more than {MAX_REQUESTS} requests for one answer")

    async def _log_in(
        self, question: Question, answer: Answer, used: Authorization | None, exchange: Exchange
    ) -> Authorization:
        offered = challenges.parse(answer.headers.get_list("WWW-Authenticate"))
        try:
            login = await self._logins.log_in(question, offered, used, exchange)
        except TokenRefused as refused:
            raise LoginRefusedError(refused.evidence) from None
        if isinstance(login, Evidence):
            raise LoginRefusedError(login)
        return login

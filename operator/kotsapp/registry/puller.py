"""One question to a registry: would it serve this manifest? HEAD, with challenges, tokens and redirects as a
container runtime takes them, and a single bounded GET where HEAD decides nothing.

The same steps serve both uses: anonymous (a probe) and with the license's credential (a check of the proxy).
"""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace

from kotsapp.images.reference import Reference
from kotsapp.registry import challenge as challenges
from kotsapp.registry import manifest
from kotsapp.registry.auth import Authorization, Logins, Question, TokenRefused
from kotsapp.registry.challenge import Challenge
from kotsapp.registry.client import Answer, Client
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, Login, NoAnswer, Stage, Trouble
from kotsapp.registry.exchange import Exchange
from kotsapp.registry.guard import Destination, Guard, Refused
from kotsapp.registry.host_state import retry_after
from kotsapp.registry.limits import (
    MAX_ERROR_BODY,
    MAX_MANIFEST_BODY,
    MAX_REQUESTS,
    MAX_TOKEN_ROUNDS,
)
from kotsapp.registry.redirects import REDIRECTS, next_destination

# 405 and 501: no HEAD here. 403: only a body distinguishes a refusal (DENIED) from a firewall's page.
_GET_TELLS_MORE = frozenset({403, 405, 501})


@dataclass(slots=True)
class HostKnowledge:
    """What earlier answers taught about a registry: nothing yet, or the challenge it greets with (None = none).

    A realm that gave no token is asked ahead for nobody, until it gives one again. ``answered`` says that the registry
    has ever answered, whatever was forgotten since.
    """

    discovered: bool = False
    answered: bool = False
    challenge: Challenge | None = None
    discovery: asyncio.Lock = field(default_factory=asyncio.Lock)
    failed_realm: str = ""

    def learn(self, challenge: Challenge | None) -> None:
        failed = challenge is not None and challenge.realm and challenge.realm == self.failed_realm
        self.discovered = self.answered = True
        self.challenge = None if failed or challenge is None else challenge.kept()

    def forget(self) -> None:
        """The realm that was asked ahead gave no token: its realm may have moved, or is down."""
        self.failed_realm = self.challenge.realm if self.challenge is not None else ""
        self.discovered, self.challenge = False, None


class Puller:
    """Asks registries for manifests; what questions share is the client and the tokens."""

    def __init__(self, client: Client, guard: Guard, registries: Registries) -> None:
        self._client = client
        self._guard = guard
        self._logins = Logins(client, guard, registries)

    async def ask(
        self,
        reference: Reference,
        known: HostKnowledge,
        exchange: Exchange,
        credential: Credential | None = None,
        leading: contextlib.AsyncExitStack | None = None,
    ) -> Evidence:
        """The answer that decides, with ``credential`` or anonymously; ``leading`` is closed at the first answer.

        Raises NoAnswer. The caller sets the deadline: this waits as long as a registry lets it.
        """
        try:
            home = self._guard.registry(reference)
        except Refused as refused:
            raise NoAnswer(Trouble.REFUSED, reference.host, f"is not asked: {refused}") from refused
        if credential is not None and reference.host not in credential.hosts:
            raise NoAnswer(Trouble.REFUSED, reference.host, "is not a host that the license id may be sent to")
        try:
            return await self._ask(reference, home, known, exchange, credential, leading or contextlib.AsyncExitStack())
        except TokenRefused as refused:
            return refused.evidence

    async def _ask(
        self,
        reference: Reference,
        home: Destination,
        known: HostKnowledge,
        exchange: Exchange,
        credential: Credential | None,
        leading: contextlib.AsyncExitStack,
    ) -> Evidence:
        question = Question(home, reference.repository, credential)
        preemptive = await self._preauthorize(question, known, exchange)
        if preemptive is None or not preemptive.guessed:
            return (await self._walk(reference, question, preemptive, known, exchange, leading))[0]
        # The token of another repository's realm decides nothing. If the repository sends for the very one that was
        # refused, at once or when it is asked without, the refusal stands.
        without: Authorization | None = None
        try:
            evidence, used = await self._walk(reference, question, preemptive, known, exchange, leading)
            sent_for_it = used is preemptive and evidence.login is Login.BEARER
            if sent_for_it or not _is_refusal(evidence):
                return evidence
            without = None if used is None else Authorization("", used.wanted, refusal=evidence)
        except TokenRefused as refused:
            if refused.evidence.status == 429:
                raise
            without = Authorization("", refused.wanted, refusal=refused.evidence)
        except NoAnswer as no_answer:
            if no_answer.trouble.whole_host or exchange.requests >= MAX_REQUESTS:
                raise
        return (await self._walk(reference, question, without, known, exchange, leading))[0]

    async def _walk(
        self,
        reference: Reference,
        question: Question,
        first: Authorization | None,
        known: HostKnowledge,
        exchange: Exchange,
        leading: contextlib.AsyncExitStack,
    ) -> tuple[Evidence, Authorization | None]:
        """Ask, starting with ``first``, until an answer decides: that, and the authorization that it was given to."""
        home, credential = question.at, question.credential
        authorizations = {} if first is None else {home.origin: first}
        at, method, rounds, exchange.redirects = home, "HEAD", 0, 0
        while exchange.requests < MAX_REQUESTS:
            used = authorizations.get(at.origin)
            answer = await self._send(method, at, used, exchange)
            offered = challenges.parse(answer.headers.get_list("WWW-Authenticate")) if answer.status == 401 else ()
            if at.origin == home.origin:
                _learn(known, answer, offered, used)
                if used is not None and answer.status < 400:
                    self._logins.prove(used)
            await leading.aclose()
            if answer.status in REDIRECTS:
                at = next_destination(self._guard, answer, at, exchange, credential)
            elif answer.status == 401:
                login = await self._logins.log_in(replace(question, at=at), offered, used, exchange)
                if isinstance(login, Evidence):
                    return login if login.code else replace(login, code=_code(answer)), used
                if rounds == MAX_TOKEN_ROUNDS:
                    return replace(question, at=at).refused(Login.BEARER), used
                authorizations[at.origin] = login
                if login.wanted is not None:
                    known.failed_realm = ""
                rounds += 1
            elif method == "HEAD" and _get_tells_more(answer):
                # From the start: a store that was redirected to takes what was signed for HEAD for nothing else.
                at, method, exchange.redirects = home, "GET", 0
            else:
                return _evidence(reference, answer, at, method), used
        raise NoAnswer(Trouble.PROTOCOL, at.name, f"wanted more than {MAX_REQUESTS} requests for one image")

    async def _preauthorize(self, question: Question, known: HostKnowledge, exchange: Exchange) -> Authorization | None:
        """The authorization that the host wanted before, so that its first 401 needn't be fetched for every image.

        None where the realm is of no use: whether the image needs it, the repository's own challenge shows.
        """
        if known.challenge is None:
            return None
        try:
            return await self._logins.preauthorize(question, known.challenge, exchange)
        except (TokenRefused, NoAnswer):
            known.forget()
        except asyncio.CancelledError:
            if not exchange.asker.queued:  # else it is others that took the time
                known.forget()
            raise
        return None

    async def _send(self, method: str, at: Destination, used: Authorization | None, exchange: Exchange) -> Answer:
        headers = {"Accept": manifest.ACCEPT}
        if used is not None and used.header:
            headers["Authorization"] = used.header
        limit = 0 if method == "HEAD" else MAX_MANIFEST_BODY
        return await exchange.ask(self._client, f"manifest_{method.lower()}", method, at, headers, limit)


def _is_refusal(evidence: Evidence) -> bool:
    return 400 <= evidence.status < 500 and evidence.status != 429


def _learn(known: HostKnowledge, answer: Answer, offered: tuple[Challenge, ...], used: Authorization | None) -> None:
    if answer.status == 401:
        by_scheme = {one.scheme: one for one in reversed(offered)}
        known.learn(by_scheme.get("bearer") or by_scheme.get("basic"))
    elif used is None and not known.discovered:
        known.learn(None)


def _get_tells_more(answer: Answer) -> bool:
    if answer.status == 200:
        return not manifest.has_manifest_headers(answer.headers)
    return answer.status in _GET_TELLS_MORE


def _code(answer: Answer) -> str | None:
    return manifest.first_code(answer.body[:MAX_ERROR_BODY]) if answer.status >= 400 else None


def _evidence(reference: Reference, answer: Answer, at: Destination, method: str) -> Evidence:
    is_manifest = False
    if answer.status == 200:
        if manifest.other_digest(reference, answer.headers):
            raise NoAnswer(Trouble.MALFORMED, at.name, "answered with another digest than was asked for")
        if not answer.complete:
            raise NoAnswer(Trouble.MALFORMED, at.name, "answered with more than 1 MiB, too much for a manifest")
        is_manifest = method == "HEAD" or manifest.is_manifest_body(answer.body)
    return Evidence(
        Stage.MANIFEST,
        at.name,
        answer.status,
        code=_code(answer),
        is_manifest=is_manifest,
        retry_after=retry_after(answer.headers.get("Retry-After")),
    )

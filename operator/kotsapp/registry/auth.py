"""Answering a 401: anonymously with a token, or with the license's credential, which only its own hosts may see."""

from dataclasses import dataclass, field, replace
from time import monotonic

from kotsapp.registry import manifest
from kotsapp.registry.challenge import Challenge
from kotsapp.registry.client import Client
from kotsapp.registry.config import Registries
from kotsapp.registry.credential import TOKEN_SERVICES, Credential
from kotsapp.registry.evidence import Evidence, Login, NoAnswer, Stage, Trouble
from kotsapp.registry.exchange import Exchange
from kotsapp.registry.guard import Destination, Guard, Refused, Unusable
from kotsapp.registry.host_state import retry_after
from kotsapp.registry.limits import MAX_TOKEN_BODY
from kotsapp.registry.token_throttle import TokenHosts
from kotsapp.registry.tokens import MalformedTokenError, Token, Tokens, Wanted, read_token


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks what: the place that answered 401, the repository, and the credential (None = anonymous)."""

    at: Destination
    repository: str
    credential: Credential | None

    @property
    def scope(self) -> str:
        """The least that a pull needs, in the token specification's form."""
        return f"repository:{self.repository}:pull"

    def refused(self, login: Login, note: str = "") -> Evidence:
        """The evidence of a 401 that stands."""
        return Evidence(Stage.MANIFEST, self.at.name, 401, login=login, note=note)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a request is made with: an Authorization header, or none (empty) when the token service refused one.

    ``reused`` when its token was there before this question; ``guessed`` when nothing but other repositories' answers
    says that it is the right one; ``refusal`` is what came of asking for the token, or with it.
    """

    header: str = field(repr=False)
    wanted: Wanted | None = None
    reused: bool = False
    guessed: bool = False
    refusal: Evidence | None = None


class TokenRefused(Exception):  # noqa: N818 - carries the token service's answer, which decides
    """The token service answered, but not with a token; ``wanted`` is what it was asked for."""

    def __init__(self, evidence: Evidence, wanted: Wanted) -> None:
        super().__init__(f"{evidence.host} answered {evidence.status}")
        self.evidence = evidence
        self.wanted = wanted


class Logins:
    """Makes authorizations of challenges; keeps the tokens."""

    def __init__(self, client: Client, guard: Guard, registries: Registries) -> None:
        self._client = client
        self._guard = guard
        self._tokens = Tokens()
        self._token_hosts = TokenHosts(registries)

    async def preauthorize(self, question: Question, known: Challenge, exchange: Exchange) -> Authorization | None:
        """The authorization for a challenge the host is known to make, before it makes it.

        A refused token is no verdict yet: the registry may serve this image without one. Raises NoAnswer, and
        TokenRefused for an answer that is no refusal. None when the challenge is better met when it comes.
        """
        if known.scheme == "basic":
            credential = question.credential
            return Authorization(credential.basic) if credential is not None else None
        # A scope for one repository is an example of the form; any other scope is for the whole host.
        if known.scope.startswith("repository:") or not known.scope:
            known = replace(known, parameters={**known.parameters, "scope": question.scope})
        realm = self._realm(question, known)
        if isinstance(realm, Evidence):
            return None
        try:
            return await self._authorize(question, realm, known, exchange)
        except TokenRefused as refused:
            if refused.evidence.status not in {401, 403}:
                raise
            return Authorization("", refused.wanted, refusal=refused.evidence)

    async def log_in(
        self, question: Question, offered: tuple[Challenge, ...], used: Authorization | None, exchange: Exchange
    ) -> Authorization | Evidence:
        """What to ask again with, or the evidence when asking again is no use. Raises TokenRefused, NoAnswer."""
        bearer, realm = self._usable(question, offered)
        has_basic = any(one.scheme == "basic" for one in offered)
        if bearer is not None and isinstance(realm, Destination):
            wanted = _wanted(question, realm, bearer)
            if used is not None and used.wanted == wanted:
                if used.refusal is not None:
                    return used.refusal
                if not used.reused or bearer.error == "insufficient_scope":
                    return question.refused(Login.BEARER)
                self._tokens.drop(wanted, used.header)
            try:
                authorization = await self._authorize(question, realm, bearer, exchange)
                self.prove(authorization)
                return replace(authorization, guessed=False)
            except NoAnswer as no_answer:
                # An address behind the realm's name that must not be asked: as useless as a realm that says so.
                if no_answer.trouble is not Trouble.REFUSED:
                    raise
                return question.refused(Login.REFUSED, f"its token service {no_answer}")
        # Whether the realm gives a token to anybody is not known, so what else was offered doesn't decide.
        hidden = isinstance(realm, Evidence) and realm.login is Login.REFUSED and question.credential is None
        if has_basic and not hidden:
            return self._basic(question, used)
        return realm if isinstance(realm, Evidence) else question.refused(Login.NONE)

    def prove(self, authorization: Authorization) -> None:
        """The repository itself wants this authorization, or takes it."""
        if authorization.wanted is not None:
            self._tokens.prove(authorization.wanted)

    def _usable(
        self, question: Question, offered: tuple[Challenge, ...]
    ) -> tuple[Challenge | None, Destination | Evidence | None]:
        """The first bearer challenge whose realm may be asked; else the first with a realm, and why it may not."""
        first: tuple[Challenge | None, Destination | Evidence | None] = (None, None)
        for bearer in (one for one in offered if one.scheme == "bearer" and one.realm):
            realm = self._realm(question, bearer)
            if isinstance(realm, Destination):
                return bearer, realm
            if first[0] is None:
                first = bearer, realm
        return first

    def _basic(self, question: Question, used: Authorization | None) -> Authorization | Evidence:
        credential = question.credential
        if credential is None or (used is not None and used.header == credential.basic):
            return question.refused(Login.BASIC)
        if question.at.name not in credential.hosts:
            return question.refused(Login.WITHHELD, f"the {credential.secret} is not sent to {question.at.name}")
        return Authorization(credential.basic)

    def _realm(self, question: Question, bearer: Challenge) -> Destination | Evidence:
        shown = question.credential is not None and question.credential.is_in(bearer.realm)
        try:
            realm = self._guard.realm(bearer.realm, question.at)
        except Refused as refused:
            why = f"its URL holds {_its_secret(question)}" if shown else str(refused)
            login = Login.UNUSABLE if isinstance(refused, Unusable) else Login.REFUSED
            return question.refused(login, f"its token service is not asked: {why}")
        if question.credential is not None and not _may_see_credential(realm, question):
            whom = "a token service whose URL holds it" if shown else realm.name
            return question.refused(Login.WITHHELD, f"{_its_secret(question)} is not sent to {whom}")
        return realm

    async def _authorize(
        self, question: Question, realm: Destination, bearer: Challenge, exchange: Exchange
    ) -> Authorization:
        wanted = _wanted(question, realm, bearer)

        async def fetch() -> Token:
            return await self._fetch(wanted, realm, question, exchange)

        token, reused = await self._tokens.get(wanted, fetch)
        return Authorization(token.header, wanted, reused, guessed=not token.proven)

    async def _fetch(self, wanted: Wanted, realm: Destination, question: Question, exchange: Exchange) -> Token:
        headers = {"Accept": "application/json"}
        if question.credential is not None:
            headers["Authorization"] = question.credential.basic
        place = replace(realm, url=wanted.url)
        exchange.queue(realm.name)
        async with self._token_hosts.slot(realm.name, question.at.name, exchange.asker.tenant):
            limited = self._token_hosts.limited(realm.name)
            if limited is not None:
                raise TokenRefused(replace(limited, registry=question.at.name), wanted)
            asked_at = monotonic()
            answer = await exchange.ask(self._client, "token", "GET", place, headers, MAX_TOKEN_BODY)
        evidence = Evidence(
            Stage.TOKEN,
            realm.name,
            answer.status,
            code=manifest.first_code(answer.body) if answer.status >= 400 else None,
            retry_after=retry_after(answer.headers.get("Retry-After")),
            registry=question.at.name,
        )
        self._token_hosts.note(evidence)
        if 300 <= answer.status < 400:
            raise NoAnswer(Trouble.REDIRECT, realm.name, "redirected a token request, which is not followed")
        if answer.status != 200:
            raise TokenRefused(evidence, wanted)
        if not answer.complete:
            raise NoAnswer(Trouble.MALFORMED, realm.name, "sent a token answer of more than 64 KiB")
        try:
            return read_token(answer.body, asked_at)
        except MalformedTokenError as error:
            raise NoAnswer(Trouble.MALFORMED, realm.name, f"sent a token answer that {error}") from error


def _wanted(question: Question, realm: Destination, bearer: Challenge) -> Wanted:
    credential = question.credential
    # The license is shown for nothing but the pull; a person's own login for what its registry says, such as a list.
    scope = bearer.scope or question.scope if credential is None or credential.any_realm else question.scope
    return Wanted(realm.url, bearer.service, scope, None if credential is None else credential.key)


def _its_secret(question: Question) -> str:
    return f"the {question.credential.secret}" if question.credential is not None else "the credential"


def _may_see_credential(realm: Destination, question: Question) -> bool:
    """The asked host's own realm, or the vendor's documented token service; over https or where the file says."""
    at, credential = question.at, question.credential
    if credential is None or at.name not in credential.hosts:
        return False
    is_https = realm.url.scheme == "https"
    if realm.origin == at.origin or (credential.any_realm and (is_https or realm.is_mapped or realm.trusted)):
        return True
    if realm.name in TOKEN_SERVICES or realm.name in credential.hosts:
        return is_https or realm.is_mapped
    # Plain http on the same host only where the administrator wrote it: never down from https.
    return realm.url.host == at.url.host and (is_https or at.url.scheme == "http")

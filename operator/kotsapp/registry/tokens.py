"""Tokens (distribution's token authentication specification), cached by realm, service, scope and credential."""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from urllib.parse import parse_qsl, urlencode
from weakref import WeakValueDictionary

from yarl import URL

from kotsapp.registry.limits import (
    DEFAULT_TOKEN_LIFETIME,
    MAX_CACHED_TOKEN_TEXT,
    MAX_CACHED_TOKENS,
    MAX_TOKEN_BODY,
    MAX_TOKEN_LIFETIME,
)

# Between the server's stamp and our use lie its clock, the way back and the way to the registry.
_SKEW = 10.0
_PRINTABLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token is for: the realm's URL, the service, the scope; ``credential`` is a cache key, None = anonymous."""

    realm: URL
    service: str
    scope: str
    credential: bytes | None = field(default=None, repr=False)

    @property
    def url(self) -> URL:
        """The token request; what the realm's own query holds is kept, service and scope replace their namesakes."""
        query = parse_qsl(self.realm.raw_query_string, keep_blank_values=True)
        asked = {"service": self.service, "scope": self.scope}
        query = [pair for pair in query if pair[0] not in asked]
        query.extend((name, value) for name, value in asked.items() if value)
        return URL(f"{self.realm.with_query(None)}?{urlencode(query)}" if query else str(self.realm), encoded=True)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, never printed; ``expires`` is on the monotonic clock.

    ``proven``: the repository it is for has sent for it, or has taken it.
    """

    value: str = field(repr=False)
    expires: float
    proven: bool = False

    @property
    def header(self) -> str:
        return f"Bearer {self.value}"


class MalformedTokenError(ValueError):
    """The token service's answer holds no usable token; the message says what is wrong, never the content."""


def read_token(body: bytes, asked_at: float) -> Token:
    """The token in a token service's answer; raises MalformedTokenError.

    ``token`` or ``access_token``; ``expires_in`` is seconds from ``asked_at`` (60 when missing or nonsense), shortened
    for clock skew. The server's ``issued_at`` is not used, so its clock does not matter.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedTokenError("is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedTokenError("is not a JSON object")
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not value:
        raise MalformedTokenError("has neither token nor access_token")
    # A header is made of it: a line break or blank would be header injection.
    if len(value) > MAX_TOKEN_BODY // 4 or not _PRINTABLE.fullmatch(value):
        raise MalformedTokenError("has a token that can't be sent in a header")
    lifetime = _lifetime(document.get("expires_in"))
    return Token(value, asked_at + lifetime - min(_SKEW, lifetime / 2))


class Tokens:
    """The cache. Concurrent wishes for one token make one request."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Wanted, Token] = OrderedDict()
        self._text = 0
        self._locks: WeakValueDictionary[Wanted, asyncio.Lock] = WeakValueDictionary()

    def kept(self, wanted: Wanted) -> Token | None:
        """A token that is still good, without asking."""
        token = self._kept.get(wanted)
        if token is None:
            return None
        if token.expires <= self._clock():
            self._forget(wanted)
            return None
        self._kept.move_to_end(wanted)
        return token

    async def get(self, wanted: Wanted, fetch: Callable[[], Awaitable[Token]]) -> tuple[Token, bool]:
        """The kept token, or what ``fetch`` brings, and whether it was kept; what ``fetch`` raises passes through."""
        token = self.kept(wanted)
        if token is not None:
            return token, True
        lock = self._locks.get(wanted)
        if lock is None:
            lock = self._locks[wanted] = asyncio.Lock()
        async with lock:
            token = self.kept(wanted)
            if token is not None:
                return token, True
            token = await fetch()
            self._keep(wanted, token)
            return token, False

    def prove(self, wanted: Wanted) -> None:
        """What is kept for this wish is the right token for its repository."""
        token = self._kept.get(wanted)
        if token is not None and not token.proven:
            self._kept[wanted] = replace(token, proven=True)

    def drop(self, wanted: Wanted, value: str) -> None:
        """Forget this token, unless a newer one has taken its place."""
        token = self._kept.get(wanted)
        if token is not None and token.header == value:
            self._forget(wanted)

    def _keep(self, wanted: Wanted, token: Token) -> None:
        if wanted in self._kept:
            self._forget(wanted)
        self._kept[wanted] = token
        self._text += _text_of(wanted, token)
        while len(self._kept) > MAX_CACHED_TOKENS or self._text > MAX_CACHED_TOKEN_TEXT:
            self._forget(next(iter(self._kept)))

    def _forget(self, wanted: Wanted) -> None:
        self._text -= _text_of(wanted, self._kept.pop(wanted))


def _text_of(wanted: Wanted, token: Token) -> int:
    return len(token.value) + len(str(wanted.realm)) + len(wanted.service) + len(wanted.scope)


def _lifetime(expires_in: object) -> float:
    if isinstance(expires_in, str) and expires_in.isascii() and expires_in.isdigit() and len(expires_in) < 12:
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return DEFAULT_TOKEN_LIFETIME
    # Also refuses NaN, which compares False with everything.
    return float(min(expires_in, MAX_TOKEN_LIFETIME)) if expires_in > 0 else DEFAULT_TOKEN_LIFETIME

"""What is kept between questions: tokens, results, pauses."""

import asyncio
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kotsapp.registry.challenge import Challenge
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, NoAnswer, Stage, Trouble
from kotsapp.registry.host_state import HostPause, retry_after
from kotsapp.registry.limits import (
    BACKOFF_CAP,
    MAX_CACHED_TOKEN_TEXT,
    MAX_KEPT_CHALLENGE,
    MAX_MANIFEST_BODY,
    MAX_RETRY_AFTER,
    MAX_TOKEN_BODY,
    STRIKES,
)
from kotsapp.registry.manifest import is_manifest_body
from kotsapp.registry.puller import HostKnowledge
from kotsapp.registry.tokens import MalformedTokenError, Token, Tokens, Wanted, read_token
from kotsapp.verdicts.cache import ResultCache

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
WANTED = Wanted(URL("https://auth.example/token"), "registry", "repository:a:pull")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0.0),
        (" 30 ", 30.0),
        ("9" * 60, MAX_RETRY_AFTER),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), MAX_RETRY_AFTER),
        ("Thu, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "lifetime"),
    [
        (b'{"token": "t", "expires_in": 300}', 290),
        (b'{"access_token": "t", "expires_in": 300}', 290),
        (b'{"token": "t", "access_token": "other", "expires_in": 300}', 290),
        (b'{"token": "t"}', 50),
        (b'{"token": "t", "expires_in": "120"}', 110),
        (b'{"token": "t", "expires_in": 8}', 4),
        (b'{"token": "t", "expires_in": 0}', 50),
        (b'{"token": "t", "expires_in": -5}', 50),
        (b'{"token": "t", "expires_in": null}', 50),
        (b'{"token": "t", "expires_in": true}', 50),
        (b'{"token": "t", "expires_in": NaN}', 50),
        (b'{"token": "t", "expires_in": 1e300}', 3590),
        (b'{"token": "t", "expires_in": Infinity, "issued_at": "1970-01-01T00:00:00Z"}', 3590),
    ],
)
def test_a_token_is_used_for_less_than_it_lives(body: bytes, lifetime: float) -> None:
    token = read_token(body, asked_at=1000.0)

    assert token.header == "Bearer t"
    assert token.expires - 1000.0 == lifetime


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[" * 5000, b'{"token": "a b"}', b'{"token": "a\\nb"}', b'{"access_token": ""}', b'{"token": 1}'],
)
def test_any_other_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(MalformedTokenError):
        read_token(body, asked_at=0.0)


@given(st.binary(max_size=200))
def test_what_is_no_token_is_an_error_and_a_token_is_fit_for_a_header(body: bytes) -> None:
    try:
        token = read_token(body, asked_at=0.0)
    except MalformedTokenError:
        return
    scheme, _, value = token.header.partition(" ")
    assert scheme == "Bearer"
    assert value
    assert value.isascii()
    assert value.isprintable()
    assert " " not in value


@given(st.text(max_size=40), st.text(max_size=40))
def test_service_and_scope_arrive_as_they_are(service: str, scope: str) -> None:
    url = Wanted(URL("https://auth.example/token?account=x&scope=old"), service, scope).url

    query = parse_qs(url.raw_query_string, keep_blank_values=True, errors="surrogatepass")
    assert query["account"] == ["x"]
    assert query.get("service", [""]) == [service]
    assert query.get("scope", [""]) == [scope]
    assert (url.host, url.path) == ("auth.example", "/token")


async def test_one_request_for_many_who_want_the_same_token() -> None:
    clock, fetched = Clock(), 0
    tokens = Tokens(clock)

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        return Token(f"token-{fetched}", clock.now + 10)

    together = await asyncio.gather(*(tokens.get(WANTED, fetch) for _ in range(5)))
    clock.now += 9
    still, _ = await tokens.get(WANTED, fetch)
    clock.now += 1
    after, _ = await tokens.get(WANTED, fetch)

    assert [token.value for token, _ in together] == ["token-1"] * 5
    assert [reused for _, reused in together] == [False, True, True, True, True]
    assert (still.value, after.value) == ("token-1", "token-2")


async def test_tokens_of_one_license_are_no_others() -> None:
    tokens = Tokens()
    mine = Credential("LICENSE_ID", "mine", frozenset({"proxy.example"}))
    other = Credential("LICENSE_ID", "other", frozenset({"proxy.example"}))

    async def fetch() -> Token:
        return Token("secret", 1e12)

    wanted = Wanted(WANTED.realm, WANTED.service, WANTED.scope, mine.key)
    await tokens.get(wanted, fetch)

    assert tokens.kept(wanted) is not None
    assert tokens.kept(WANTED) is None
    assert tokens.kept(Wanted(WANTED.realm, WANTED.service, WANTED.scope, other.key)) is None


async def test_tokens_that_are_kept_are_bounded_by_what_they_say() -> None:
    tokens = Tokens()
    many = [Wanted(WANTED.realm, WANTED.service, f"repository:x/{number}:pull") for number in range(1_000)]

    async def fetch() -> Token:
        return Token("t" * (MAX_TOKEN_BODY // 4), 1e12)

    for wanted in many:
        await tokens.get(wanted, fetch)

    kept = [wanted for wanted in many if tokens.kept(wanted) is not None]
    assert 0 < len(kept) * MAX_TOKEN_BODY // 4 <= MAX_CACHED_TOKEN_TEXT
    assert kept == many[-len(kept) :]
    for wanted in kept:
        tokens.drop(wanted, f"Bearer {'t' * (MAX_TOKEN_BODY // 4)}")
    await tokens.get(many[0], fetch)
    assert tokens.kept(many[0]) is not None


def test_of_a_challenge_what_counts_is_kept_where_it_is_short() -> None:
    others = {f"p{number}": "" for number in range(1_000)}
    parameters = {"realm": "https://auth.example/token", "service": "s", "scope": "repository:x/y:pull"}
    known = HostKnowledge()

    known.learn(Challenge("bearer", {**others, **parameters, "error": "invalid_token"}))
    assert known.challenge == Challenge("bearer", parameters)

    known.learn(Challenge("bearer", {**parameters, "scope": "x" * MAX_KEPT_CHALLENGE}))
    assert known.discovered and known.challenge is None


def test_a_manifest_of_endless_parts_is_none_and_is_not_parsed() -> None:
    body = b'{"schemaVersion": 2, "layers": [' + b"{}," * (MAX_MANIFEST_BODY // 3 - 20) + b"{}]}"
    tracemalloc.start()
    assert not is_manifest_body(body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < MAX_MANIFEST_BODY


async def test_a_failed_fetch_leaves_nothing_behind() -> None:
    tokens = Tokens()

    async def fail() -> Token:
        raise NoAnswer(Trouble.TIMEOUT, "auth.example", "did not answer")

    async def fetch() -> Token:
        return Token("t", 1e12)

    with pytest.raises(NoAnswer):
        await tokens.get(WANTED, fail)

    assert (await tokens.get(WANTED, fetch))[0].value == "t"


def test_secrets_do_not_show() -> None:
    credential = Credential("LICENSE_ID", "the-secret", frozenset({"proxy.example"}))
    wanted = Wanted(WANTED.realm, "s", "x", credential.key)

    for text in (repr(credential), str(credential), repr(Token("the-secret", 1.0)), repr(wanted), repr([credential])):
        assert "the-secret" not in text
        assert credential.basic.partition(" ")[2] not in text
        assert repr(credential.key) not in text


def test_decisive_results_age_and_the_others_wait_longer_each_time() -> None:
    clock = Clock()
    cache: ResultCache[str, str] = ResultCache(10, clock)

    cache.keep("a", "Public", decisive=True)
    clock.now += 59
    assert cache.fresh("a", 60) == ("Public", None)
    clock.now += 1
    assert cache.fresh("a", 60) is None

    waits = []
    for _ in range(10):
        wait = cache.keep("b", "NotFound", decisive=False)
        assert wait is not None
        waits.append(wait)
        kept = cache.fresh("b", 0)
        assert kept is not None
        assert kept[0] == "NotFound"
        assert kept[1] == pytest.approx(wait)
        clock.now += wait
        assert cache.fresh("b", 3600) is None
    assert 5 <= waits[0] <= 6.25
    assert waits[2] > waits[0]
    assert all(wait <= BACKOFF_CAP * 1.25 for wait in waits)


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache: ResultCache[int, int] = ResultCache(3)
    for key in range(3):
        cache.keep(key, key, decisive=True)
    cache.fresh(0, 60)
    cache.keep(3, 3, decisive=True)

    assert len(cache) == 3
    assert cache.fresh(0, 60) is not None
    assert cache.fresh(1, 60) is None


def limited(wish: float | None = None) -> Evidence:
    return Evidence(Stage.MANIFEST, "quay.io", 429, retry_after=wish)


def test_a_rate_limit_pauses_the_host_as_long_as_it_asks() -> None:
    pause = HostPause()
    pause.note(100.0, limited(30.0), "quay.io")

    assert 30.0 <= pause.remaining(100.0) <= 37.5
    assert pause.is_rate_limited(100.0)
    assert not pause.is_rate_limited(140.0)
    assert pause.remaining(140.0) == 0.0


def test_failures_in_a_row_pause_longer_and_an_answer_ends_it() -> None:
    pause, now, waits = HostPause(), 100.0, []
    for _ in range(12):
        pause.note(now, NoAnswer(Trouble.CONNECT, "quay.io", "refused"), "quay.io")
        waits.append(pause.remaining(now))
        now += waits[-1]
    assert 1.0 <= waits[0] <= 1.25
    assert 2.0 <= waits[1] <= 2.5
    assert max(waits) <= BACKOFF_CAP * 1.25

    pause.note(now, Evidence(Stage.MANIFEST, "quay.io", 404), "quay.io")
    pause.note(now, NoAnswer(Trouble.CONNECT, "quay.io", "refused"), "quay.io")
    assert pause.remaining(now) <= 1.25


def test_what_may_be_one_images_fault_pauses_only_when_it_repeats() -> None:
    pause = HostPause()
    timeout = NoAnswer(Trouble.TIMEOUT, "quay.io", "did not answer")
    for _ in range(STRIKES - 1):
        pause.note(100.0, timeout, "quay.io")
        assert pause.remaining(100.0) == 0.0
    pause.note(100.0, timeout, "quay.io")
    assert pause.remaining(100.0) > 0.0


def test_a_host_that_never_answered_is_down_at_the_first_failure() -> None:
    pause = HostPause()
    pause.note(100.0, NoAnswer(Trouble.TIMEOUT, "quay.io", "did not answer"), "quay.io", answers=False)
    assert pause.remaining(100.0) > 0.0


def test_another_hosts_failure_is_not_the_whole_hosts() -> None:
    pause = HostPause()
    pause.note(100.0, NoAnswer(Trouble.DNS, "cdn.example", "does not resolve"), "quay.io")
    assert pause.remaining(100.0) == 0.0


def test_what_we_refuse_to_ask_does_not_count() -> None:
    pause = HostPause()
    for _ in range(2 * STRIKES):
        pause.note(100.0, NoAnswer(Trouble.REFUSED, "quay.io", "is not asked"), "quay.io")
    assert pause.remaining(100.0) == 0.0


@pytest.mark.parametrize("wish", [0.0, 0.5])
def test_a_wish_to_be_asked_again_at_once_does_not_end_the_backing_off(wish: float) -> None:
    pause = HostPause()
    pause.note(100.0, limited(wish), "quay.io")
    assert pause.remaining(100.0) >= 1.0

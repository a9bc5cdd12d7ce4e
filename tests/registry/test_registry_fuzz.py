"""Any bytes at all for an answer: always a verdict, never an exception."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from harness.hostile import MANIFEST, MANIFEST_TYPE, HostileRegistry, Request, Talk
from harness.hostile_answers import GOOD_TOKEN
from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.probe_result import ProbeResult
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.verdict import Verdict

CHALLENGE = (
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="{me}/token/mine/",service="s"\r\nContent-Length: 0\r\n\r\n'
)
TOKEN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(GOOD_TOKEN), GOOD_TOKEN)
OK = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPE}\r\nContent-Length: {len(MANIFEST)}\r\n\r\n".encode()
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: {me}/v2/x/y/manifests/1\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
NO_HEAD = b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"
HEADERS = [
    b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"Location: x",
    b"Retry-After: -1",
    b"Content-Type: \xff",
]
LINES = st.sampled_from(
    [
        *(line + b"\r\n" for line in (b"", b"HTTP/1.0 200 OK", *HEADERS)),
        b"WWW-Authenticate: ",
        b"\n",
        b"\x00",
        b":",
        b'"',
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A plausible answer with a few bytes taken away, doubled or put in."""
    data = draw(st.sampled_from([CHALLENGE, TOKEN, OK, OK + MANIFEST, REDIRECT, CHUNKED, NO_HEAD]))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 12)))
        data = data[:start] + draw(LINES | st.binary(max_size=6) | st.just(data[start:stop] * 2)) + data[stop:]
    return data


async def ask(answers: list[bytes]) -> ProbeResult:
    left = list(answers)

    async def behave(request: Request, talk: Talk) -> None:
        await talk.send((left.pop(0) if left else OK).replace(b"{me}", talk.server.endpoint.encode()))

    async with HostileRegistry({"x": behave, "token:mine": behave, "": behave}) as server:
        entries = [{"host": "quay.io", "endpoint": server.endpoint}]
        async with Prober(Registries.read({"registries": entries}, "test")) as prober:
            return await prober.probe(parse("quay.io/x/y:1"), timeout=0.2, max_age=60)


@settings(max_examples=examples(400))
@given(st.lists(mutated(), min_size=1, max_size=5))
def test_any_answers(answers: list[bytes]) -> None:
    result = asyncio.run(ask(answers))

    assert result.verdict in {
        Verdict.PUBLIC, Verdict.PRIVATE, Verdict.NOT_FOUND, Verdict.RATE_LIMITED, Verdict.UNREACHABLE, Verdict.ERROR
    }  # fmt: skip
    assert result.message.isprintable()
    assert result.elapsed < 2

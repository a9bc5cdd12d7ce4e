"""What a misbehaving registry answers, by the name of the behaviour: manifests, challenges and tokens."""

import asyncio
import json

from harness.hostile import (
    CHUNK,
    MANIFEST,
    MANIFEST_TYPE,
    OK,
    Behaviour,
    Request,
    Talk,
    bomb,
    only_get,
    pours,
    raw,
    redirects,
    says,
    with_token,
)


async def _silent(request: Request, talk: Talk) -> None:
    await asyncio.sleep(3600)


async def _closes(request: Request, talk: Talk) -> None:
    raise ConnectionAbortedError


async def _resets(request: Request, talk: Talk) -> None:
    talk.reset()
    raise ConnectionAbortedError


async def _new_realm_each_time(request: Request, talk: Talk) -> None:
    await talk.challenge(f"{talk.server.endpoint}/token/good/?n={len(talk.server.requests)}")


async def _useless_realm_first(request: Request, talk: Talk) -> None:
    if request.authorization:
        await talk.answer(200, {"Content-Type": MANIFEST_TYPE})
    else:
        good = f'Bearer realm="{talk.server.endpoint}/token/good/",service="s"'
        await talk.answer(401, {"WWW-Authenticate": f'Bearer realm="file:///etc/passwd", {good}'})


async def _forever_401(request: Request, talk: Talk) -> None:
    await talk.challenge(f"{talk.server.endpoint}/token/good/")


async def _cookie(request: Request, talk: Talk) -> None:
    if "cookie" in request.headers:
        await talk.answer(500)
    else:
        await talk.answer(307, {"Location": request.path, "Set-Cookie": "seen=1; Path=/"})


async def _chain(request: Request, talk: Talk) -> None:
    """/v2/chain/N: redirects N times."""
    left = int(request.path.split("/")[3].removeprefix("n"))
    if left:
        await talk.answer(302, {"Location": f"{talk.server.endpoint}/v2/chain/n{left - 1}/manifests/1"})
    else:
        await talk.answer(200, {"Content-Type": MANIFEST_TYPE})


HTML = b"<html><body>Please log in to the guest network</body></html>"
GOOD_TOKEN = json.dumps({"token": "good-token", "expires_in": 300}).encode()
JSON = {"Content-Type": "application/json"}

# A token answer, by the behaviour that a realm names.
TOKENS: dict[str, Behaviour] = {
    "good": says(200, JSON, GOOD_TOKEN),
    "access": says(200, JSON, b'{"access_token": "good-token"}'),
    "no-json": says(200, JSON, b"token=good"),
    "html": says(200, {"Content-Type": "text/html"}, HTML),
    "list": says(200, JSON, b"[]"),
    "number": says(200, JSON, b'{"token": 1}'),
    "empty": says(200, JSON, b'{"token": ""}'),
    "injection": says(200, JSON, b'{"token": "good\\r\\nX-Injected: yes"}'),
    "nested": says(200, JSON, b"[" * 60_000),
    "huge": says(200, JSON, b'{"token": "' + b"g" * 200_000 + b'"}'),
    "endless": pours(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + CHUNK + b"\r\n"),
    "bomb": says(200, {**JSON, "Content-Encoding": "gzip"}, bomb(16 * 1024 * 1024)),
    "slow": pours(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ", pause=0.05),
    "silent": _silent,
    "redirect": redirects("{me}/token/good/"),
    "refused": says(401, JSON, b'{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}'),
    "denied": says(403, JSON, b'{"errors": [{"code": "DENIED"}]}'),
    "not-found": says(404),
    "limited": says(429, {"Retry-After": "120"}),
    "broken": says(502),
}

BEHAVIOURS: dict[str, Behaviour] = {
    "ok": says(200, {"Content-Type": MANIFEST_TYPE}),
    "http10": raw(OK.replace(b"HTTP/1.1", b"HTTP/1.0")),
    "early-hints": raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, close=False),
    "endless-1xx": pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "upgrade": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", close=False),
    "silent": _silent,
    "closes": _closes,
    "resets": _resets,
    "noise": raw(bytes(range(256)) * 64),
    "http09": raw(MANIFEST),
    "bad-status": raw(b"HTTP/1.1 two hundred\r\n\r\n"),
    "big-status": raw(b"HTTP/1.1 99999 OK\r\n\r\n"),
    "endless-headers": pours(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "giant-header": raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1024 * 1024 + b"\r\n\r\n"),
    "endless-header": pours(b"HTTP/1.1 200 OK\r\nX-A: "),
    "slow-headers": pours(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", pause=0.05),
    "split-header": raw(b"HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\n\r\n"),
    "two-lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "negative-length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    "html": says(200, {"Content-Type": "text/html"}, HTML),
    "picture": says(200, {"Content-Type": "image/png"}, b"\x89PNG"),
    "no-json": says(200, JSON, b"manifest"),
    "other-json": says(200, JSON, b'{"hello": "world"}'),
    "nested-json": says(200, JSON, b"[" * 1_000_000),
    "plain-json": says(200, JSON, MANIFEST),
    "get": only_get(raw(OK + MANIFEST, close=False)),
    "get-501": only_get(raw(OK + MANIFEST, close=False), 501),
    "get-endless": only_get(
        pours(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + CHUNK + b"\r\n")
    ),
    "get-until-close": only_get(pours(b"HTTP/1.1 200 OK\r\n\r\n")),
    "get-bomb": only_get(says(200, {**JSON, "Content-Encoding": "gzip"}, bomb())),
    "get-slow": only_get(pours(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ", pause=0.05)),
    "get-truncated": only_get(raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sch\r\n')),
    "get-bad-chunk": only_get(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n")),
    "get-short": only_get(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")),
    "get-html": only_get(says(200, {"Content-Type": "text/html"}, HTML)),
    "other-digest": says(200, {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": "sha256:" + "1" * 64}),
    "bad-request": says(400),
    "not-acceptable": says(406),
    "teapot": says(418),
    "not-found": says(404),
    "gone": says(410),
    "error": says(500),
    "unavailable": says(503, {"Retry-After": "60"}),
    "limited": says(429),
    "limited-long": says(429, {"Retry-After": "99999999999999999999"}),
    "limited-odd": says(429, {"Retry-After": "soon"}),
    "forbidden": says(403, {"Content-Type": "text/html"}, b"<html>firewall</html>"),
    "denied": says(403, JSON, b'{"errors": [{"code": "DENIED"}]}'),
    "forbidden-endless": only_get(
        pours(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + CHUNK + b"\r\n"), 403
    ),
    "no-challenge": says(401),
    "empty-challenge": says(401, {"WWW-Authenticate": ""}),
    "basic": says(401, {"WWW-Authenticate": 'Basic realm="x"'}),
    "digest": says(401, {"WWW-Authenticate": 'Digest realm="x", nonce="y"'}),
    "broken-challenge": says(401, {"WWW-Authenticate": 'Bearer realm="https://example.invalid/token'}),
    "no-realm": says(401, {"WWW-Authenticate": 'Bearer service="x"'}),
    "file-realm": says(401, {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}),
    "relative-realm": says(401, {"WWW-Authenticate": 'Bearer realm="/token"'}),
    "blank-realm": says(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1/x HTTP/1.1\\\r\n X-Injected: yes"'}),
    "bracket-realm": says(401, {"WWW-Authenticate": 'Bearer realm="https://][@"'}),
    "second-realm": _useless_realm_first,
    "user-realm": says(401, {"WWW-Authenticate": 'Bearer realm="http://user:password@127.0.0.1/"'}),
    "forever-401": _forever_401,
    "new-realms": _new_realm_each_time,
    "cookie": _cookie,
    "chain": _chain,
    "loop": redirects("{me}/v2/loop/x/manifests/1"),
    "no-location": says(302),
    "to-port-65536": redirects("https://example.invalid:65536/x"),
    "to-brackets": redirects("//][@/x"),
    **{f"token-{name}": with_token(name) for name in TOKENS},
    **{f"token:{name}": behaviour for name, behaviour in TOKENS.items()},
}

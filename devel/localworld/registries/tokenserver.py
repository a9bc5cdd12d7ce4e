"""The token server of the local registries (distribution's token authentication), one process for all of them.

`python -m localworld.registries.tokenserver FOLDER ADDRESS PORT` serves `/token/SERVICE` from the files in FOLDER.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from localworld.pki import KeyPair
from localworld.registries import tokens
from localworld.registries.jwt import Signer

if TYPE_CHECKING:
    from localworld.registries.tokens import Account, Service, TokenFiles

ISSUER = "localworld"
# A client asks for a handful of scopes in one request; more is a mistake.
_MOST_SCOPES = 32


class TokenServer:
    """Answers token requests by a configuration that is read again when its file changes."""

    def __init__(self, files: TokenFiles, signer: Signer) -> None:
        self._files = files
        self._signer = signer
        self._stamp: tuple[int, int] = (0, 0)
        self._services: dict[str, Service] = {}
        self._log = files.log.open("a", buffering=1)

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application()
        application.router.add_get("/healthz", _healthy)
        application.router.add_get("/token/{service}", self._token)
        return application

    async def _token(self, request: web.Request) -> web.Response:
        name = request.match_info["service"]
        service = self._current().get(name)
        if service is None:
            return _refused(404, "NAME_UNKNOWN", f"no service {name}")
        if service.latency_ms:
            await asyncio.sleep(service.latency_ms / 1000)
        user, password = _credentials(request)
        account = tokens.account_for(service, user, password)
        scopes = [scope for text in request.query.getall("scope", [])[:_MOST_SCOPES] for scope in text.split(" ")]
        access = _access(service, account, scopes)
        response = self._answer(name, service, user, account, scopes, access)
        line = tokens.TokenRequest(
            service=name,
            user=user,
            scopes=tuple(scopes),
            granted=tuple(entry["name"] for entry in access) if response.status == web.HTTPOk.status_code else (),
            status=response.status,
            user_agent=request.headers.get("User-Agent", ""),
        )
        self._log.write(json.dumps(dataclasses.asdict(line)) + "\n")
        return response

    def _answer(
        self,
        name: str,
        service: Service,
        user: str,
        account: Account | None,
        scopes: list[str],
        access: list[dict[str, Any]],
    ) -> web.Response:
        if service.fail_status:
            return _refused(service.fail_status, "UNAVAILABLE", "told to fail")
        if user and account is None:
            return _refused(401, "UNAUTHORIZED", "incorrect username or password")
        if not user and scopes and not access and service.anonymous_private != "empty-token":
            code = "UNAUTHORIZED" if service.anonymous_private == "401" else "DENIED"
            return _refused(int(service.anonymous_private), code, "requested access to the resource is denied")
        token = self._signer.sign(issuer=ISSUER, service=name, subject=user, access=access, seconds=service.expires_in)
        return web.json_response({"token": token, "access_token": token, "expires_in": service.expires_in})

    def _current(self) -> dict[str, Service]:
        stat = self._files.config.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._services = self._files.read()
            self._stamp = stamp
        return self._services


def _access(service: Service, account: Account | None, scopes: list[str]) -> list[dict[str, Any]]:
    """The access claim: what of the scopes is granted, leaving out what is not."""
    return [
        {"type": "repository", "name": scope.name, "actions": list(actions)}
        for scope in map(tokens.parse_scope, scopes)
        if scope is not None and (actions := tokens.granted(service, account, scope))
    ]


def _credentials(request: web.Request) -> tuple[str, str]:
    """The Basic credentials of the request; empty strings for an anonymous one."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def main(argv: list[str]) -> None:
    """Serve until the process is ended."""
    folder, address, port = Path(argv[0]), argv[1], int(argv[2])
    signer = Signer(KeyPair(cert=folder / "token.crt", key=folder / "token.key"))
    server = TokenServer(tokens.TokenFiles(folder), signer)
    web.run_app(server.application(), host=address, port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What goes into a request's Authorization header, renewed as it ages: a fixed text, a file's token, a plugin's."""

import asyncio
import base64
import binascii
import json
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from kubernetes.aio.config import ConfigException

from kotsapp.kube.exec_plugin import ExecCredential, run_plugin
from kotsapp.net.tls import load_client_certificate

# The kubelet renews a pod's token in its file long before the old one ends; client-go looks as often.
TOKEN_FILE_SECONDS = 60.0


class Credentials(Protocol):
    """Raises ConfigException where there are none."""

    async def header(self) -> str | None:
        """The Authorization header's value; None to send none."""

    def refused(self) -> None:
        """The API server answered 401: what is kept from earlier is to be got anew."""


class Fixed:
    """One header for ever, or none."""

    def __init__(self, header: str | None = None) -> None:
        self._header = header

    async def header(self) -> str | None:
        return self._header

    def refused(self) -> None:
        pass


class TokenFile:
    """The token in a file, without the white space around it; the last one that was read while the file is away."""

    def __init__(self, file: str, token: str | None = None) -> None:
        self._file = Path(file)
        self._token = token
        self._until = 0.0

    async def header(self) -> str | None:
        if time.monotonic() >= self._until:
            self._read()
        return f"Bearer {self._token}"

    def refused(self) -> None:
        self._until = 0.0

    def _read(self) -> None:
        try:
            found, problem = self._file.read_text("ascii").strip(), "it is empty"
        except (OSError, UnicodeError) as error:
            found, problem = "", (getattr(error, "strerror", None) or "it is not a token").lower()
        if found:
            self._token, self._until = found, time.monotonic() + TOKEN_FILE_SECONDS
        elif not self._token:
            raise ConfigException(f"the token file {self._file} can't be used: {problem}")


class FromPlugin:
    """A token or client certificate that the kubeconfig's exec plugin gives; the certificate goes into ``tls``."""

    def __init__(self, plugin: Mapping[str, Any], cluster: Mapping[str, Any], tls: ssl.SSLContext | None) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._tls = tls
        self._current: ExecCredential | None = None
        self._asking = asyncio.Lock()

    async def header(self) -> str | None:
        async with self._asking:
            if self._current is None or self._current.is_expired:
                credential = await run_plugin(self._plugin, self._cluster)
                if credential.certificate and credential.key and self._tls is not None:
                    load_client_certificate(self._tls, credential.certificate, credential.key)
                self._current = credential
            return f"Bearer {self._current.token}" if self._current.token else None

    def refused(self) -> None:
        self._current = None


def of_user(user: Mapping[str, Any], cluster: Mapping[str, Any], tls: ssl.SSLContext | None) -> Credentials:
    """Of a kubeconfig's user, by client-go's precedence; a client certificate is none of them. Raises ConfigException.

    Nothing is read or run yet.
    """
    token, file = user.get("token"), user.get("tokenFile")
    basic = user.get("username") or user.get("password")
    if basic and (token or file):
        raise ConfigException("the kubeconfig's user has a token and a user name, and only one of them can be sent")
    if file:
        return TokenFile(str(file), str(token) if token else None)
    if token:
        return Fixed(f"Bearer {str(token).strip()}")
    if basic:
        pair = f"{user.get('username', '')}:{user.get('password', '')}"
        return Fixed(f"Basic {base64.b64encode(pair.encode()).decode()}")
    if isinstance(user.get("exec"), dict):
        return FromPlugin(user["exec"], cluster, tls)
    if isinstance(user.get("auth-provider"), dict):
        return Fixed(f"Bearer {_id_token(user['auth-provider'])}")
    return Fixed()


def _id_token(provider: Mapping[str, Any]) -> str:
    """Of an oidc provider; kubectl renews it in the file, and it alone has to."""
    name = provider.get("name")
    if name != "oidc":
        raise ConfigException(
            f"the kubeconfig's auth-provider {name} is not supported, as by kubectl: use its exec plugin"
        )
    token = str((provider.get("config") or {}).get("id-token") or "")
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires = float(claims.get("exp", 0))
    except (IndexError, ValueError, TypeError, AttributeError, binascii.Error):
        expires = 0.0
    if expires <= time.time():
        raise ConfigException(
            "the id-token of the kubeconfig's oidc provider has expired: any kubectl command renews it"
        )
    return token

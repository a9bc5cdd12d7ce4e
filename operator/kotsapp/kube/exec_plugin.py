"""Credentials from a program that a kubeconfig names: client.authentication.k8s.io, as kubectl speaks it."""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes.aio.config import ConfigException

_VERSIONS = frozenset({"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})
_EXTENSION = "client.authentication.k8s.io/exec"
_CLUSTER = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
# A token and two certificates are some kilobytes.
MAX_OUTPUT = 1024 * 1024
# A person may be logging in with a browser and a second factor meanwhile.
PLUGIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True, repr=False)
class ExecCredential:
    """What the program gave: a token, or a client's certificate and key (PEM), or all of them.

    ``expires`` is None when they are good until they are refused.
    """

    token: str | None
    certificate: str | None
    key: str | None
    expires: datetime | None

    @property
    def is_expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) >= self.expires


async def run_plugin(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> ExecCredential:
    """Run the program of a user's ``exec``, for this cluster; a command with a slash in it is absolute.

    What it writes to stderr is seen by the person who waits for it. Raises ConfigException.
    """
    command, version = str(plugin.get("command") or ""), str(plugin.get("apiVersion") or "")
    if not command:
        raise ConfigException("the kubeconfig's exec plugin has no command")
    if version not in _VERSIONS:
        raise ConfigException(f"exec plugin {command}: expected apiVersion {max(_VERSIONS)}, found {version or 'none'}")
    mode = str(plugin.get("interactiveMode") or "IfAvailable")
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not interactive:
        raise ConfigException(f"exec plugin {command} wants a terminal to talk to, and there is none")
    spec: dict[str, Any] = {"interactive": interactive}
    try:
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = _cluster(cluster)
        given = {str(item["name"]): str(item["value"]) for item in plugin.get("env") or ()}
    except OSError as error:
        raise ConfigException(f"certificate-authority: {(error.strerror or str(error)).lower()}") from None
    except (KeyError, TypeError):
        raise ConfigException(f"exec plugin {command}: env: expected a name and a value in each item") from None
    info = {"kind": "ExecCredential", "apiVersion": version, "spec": spec}
    environment = {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    arguments = [str(argument) for argument in plugin.get("args") or ()]
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *arguments,
            env=environment,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        hint = str(plugin.get("installHint") or "").strip()
        raise ConfigException(f"exec plugin {command} is not found{f': {hint}' if hint else ''}") from None
    except (OSError, ValueError) as error:
        raise ConfigException(f"exec plugin {command} can't be run: {error}") from None
    return _credential(await _output(process, command), command, version)


async def _output(process: asyncio.subprocess.Process, command: str) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    output = b""
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            while chunk := await process.stdout.read(64 * 1024):
                output += chunk
                if len(output) > MAX_OUTPUT:
                    raise ConfigException(f"exec plugin {command} wrote more than {MAX_OUTPUT} bytes")
            code = await process.wait()
    except TimeoutError:
        raise ConfigException(f"exec plugin {command} did not end within {PLUGIN_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    if code != 0:
        raise ConfigException(f"exec plugin {command} failed with exit code {code}")
    return output


def _credential(output: bytes, command: str, version: str) -> ExecCredential:
    try:
        answer = json.loads(output)
        status = answer["status"]
        found, token, expires = answer["apiVersion"], status.get("token"), status.get("expirationTimestamp")
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        until = datetime.fromisoformat(expires) if expires else None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigException(f"exec plugin {command} wrote no ExecCredential") from None
    if found != version:
        raise ConfigException(f"exec plugin {command} answered with apiVersion {found}, expected {version}")
    if not token and not (certificate and key):
        raise ConfigException(f"exec plugin {command} gave neither a token nor a certificate with its key")
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return ExecCredential(token, certificate, key, until)


def _cluster(cluster: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: cluster[key] for key in _CLUSTER if key in cluster}
    file = cluster.get("certificate-authority")
    if file and not made.get("certificate-authority-data"):
        made["certificate-authority-data"] = base64.b64encode(Path(str(file)).read_bytes()).decode()
    for extension in cluster.get("extensions") or ():
        if isinstance(extension, dict) and extension.get("name") == _EXTENSION:
            made["config"] = extension.get("extension")
    return made

"""Asking a server as kubectl and as we do, with the same kubeconfig."""

from pathlib import Path
from typing import Any

from kubernetes.aio.config import ConfigException

from harness.certificates import Authority
from harness.kubeconfigs import Asked, NotingServer, embedded, kubectl_asks
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError
from kotsapp.kube.request import Request


async def we_ask(path: str, kubeconfig: str | None = None, context: str | None = None) -> str:
    """What we complain of; nothing when it went well."""
    try:
        connection = await Connection.open("test", context, kubeconfig)
    except ConfigException as error:
        return str(error)
    try:
        await connection.json(Request("GET", path), attempts=1)
    except ApiError as error:
        return error.message
    finally:
        await connection.close()
    return ""


async def both_ask(server: NotingServer, file: Path) -> tuple[str, list[Asked]]:
    """What we complain of, and what each has asked the server, which is to be the same."""
    code, said = await kubectl_asks("/version", {"HOME": "/nowhere", "KUBECONFIG": str(file)})
    kubectl, server.requests[:] = list(server.requests), []
    complaint = await we_ask("/version", str(file))
    assert bool(complaint) == bool(code), f"kubectl: {said}; we: {complaint}"
    assert server.requests == kubectl, f"kubectl: {said}; we: {complaint}"
    return complaint, server.requests


def cluster_of(noting: NotingServer, authority: Authority, **more: Any) -> dict[str, Any]:
    return {"server": noting.url, "certificate-authority-data": embedded(authority.file), **more}

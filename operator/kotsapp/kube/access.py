"""How an API server is reached, and as whom: address, trust, proxy, credentials, impersonation, as by client-go."""

import base64
import binascii
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubernetes.aio.config import ConfigException
from yarl import URL

from kotsapp.kube.credentials import Credentials, Fixed, TokenFile, of_user
from kotsapp.kube.kubeconfig import Kubeconfig, kubeconfig_files, read_kubeconfig
from kotsapp.net.proxies import Proxies, ProxyError, proxy_url
from kotsapp.net.tls import client_context, load_client_certificate

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# Of a header's name; the rest of an extra's key is percent-encoded.
_HEADER_NAME = "!#$&'*+-.^_`|~"


@dataclass(frozen=True, slots=True)
class Access:
    """An API server and a person or account there.

    ``tls`` is None for plain http. ``impersonation`` are headers: whom the person acts as.
    """

    server: str
    tls: ssl.SSLContext | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    credentials: Credentials = field(default_factory=Fixed)
    impersonation: Sequence[tuple[str, str]] = ()
    namespace: str = "default"


def find_access(
    kubeconfig: str | None = None, context: str | None = None, environ: Mapping[str, str] = os.environ
) -> Access:
    """By ``kubeconfig``, KUBECONFIG or the one of the home folder; where there is none, by the pod's own account.

    Nothing is asked of a server, and no plugin run. Raises ConfigException.
    """
    files = kubeconfig_files(kubeconfig, environ)
    if files:
        return by_kubeconfig(read_kubeconfig(files, context), environ)
    if context is None and environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ)
    raise ConfigException(f"there is no kubeconfig {environ.get('HOME', '~')}/.kube/config")


def in_pod(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether it is the pod's own account by which the API server is reached."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and not kubeconfig_files(None, environ)


def in_cluster(environ: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT) -> Access:
    """The API server that a pod's environment names, by the pod's account; raises ConfigException."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    try:
        namespace = (folder / "namespace").read_text().strip() if (folder / "namespace").is_file() else ""
        tls = client_context(ca_file=str(folder / "ca.crt"), system=False)
    except OSError as error:
        raise ConfigException(f"{folder}/ca.crt: {error.strerror or error}") from None
    return Access(
        server=server,
        tls=tls,
        proxy=environment_proxy(server, environ),
        credentials=TokenFile(str(folder / "token")),
        namespace=namespace or "default",
    )


def by_kubeconfig(config: Kubeconfig, environ: Mapping[str, str] = os.environ) -> Access:
    """As one context says; raises ConfigException."""
    cluster, user = config.cluster, config.user
    server = _server(cluster)
    # As kubectl: over plain http nobody's credentials are sent.
    tls = _tls(cluster, user) if server.startswith("https:") else None
    return Access(
        server=server,
        tls=tls,
        tls_server_name=str(cluster["tls-server-name"]) if cluster.get("tls-server-name") else None,
        proxy=_proxy(cluster, server, environ),
        credentials=of_user(user, cluster, tls) if tls is not None else Fixed(),
        impersonation=_impersonation(user),
        namespace=config.namespace,
    )


def _server(cluster: Mapping[str, Any]) -> str:
    written = str(cluster.get("server") or "").strip().rstrip("/")
    if "://" not in written:
        written = f"http://{written}"
    try:
        url = URL(written)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except (ValueError, IndexError):
        usable = False
    if not usable:
        raise ConfigException(f"the kubeconfig's cluster has no usable server: found {cluster.get('server')!r:.120}")
    return written


def _proxy(cluster: Mapping[str, Any], server: str, environ: Mapping[str, str]) -> str | None:
    """The cluster's own proxy, whatever the environment says."""
    if not cluster.get("proxy-url"):
        return environment_proxy(server, environ)
    try:
        return proxy_url(str(cluster["proxy-url"]), "the kubeconfig's proxy-url")
    except ProxyError as error:
        raise ConfigException(str(error)) from None


def environment_proxy(server: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY name for a server's URL; None to connect directly."""
    try:
        return Proxies.from_environment(environ).proxy_for(URL(server))
    except ProxyError as error:
        raise ConfigException(str(error)) from None


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    ca = _pem(cluster, "certificate-authority")
    insecure = cluster.get("insecure-skip-tls-verify") is True
    if ca and insecure:
        raise ConfigException(
            "the kubeconfig's cluster has a certificate-authority and insecure-skip-tls-verify: only one"
        )
    try:
        tls = client_context(ca_data=ca, system=ca is None, insecure=insecure)
    except (OSError, ValueError):
        raise ConfigException("the kubeconfig's certificate-authority holds no PEM certificate") from None
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if certificate and key:
        try:
            load_client_certificate(tls, certificate, key)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not PEM"
            raise ConfigException(f"the kubeconfig's client certificate and key can't be used: {reason}") from None
    elif certificate or key:
        raise ConfigException("the kubeconfig's user has a client-certificate or a client-key without the other")
    return tls


def _pem(entry: Mapping[str, Any], key: str) -> str | None:
    """The text under ``<key>-data``, base64, or else in the file that ``key`` names."""
    data = entry.get(f"{key}-data")
    try:
        if data:
            return base64.b64decode(str(data), validate=False).decode("ascii")
        return Path(str(entry[key])).read_text("ascii") if entry.get(key) else None
    except OSError as error:
        raise ConfigException(f"{key}: {entry[key]} can't be read: {(error.strerror or 'failed').lower()}") from None
    except (binascii.Error, UnicodeError):
        raise ConfigException(f"{key}: expected PEM{', base64-encoded' if data else ''}") from None


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    name, groups = user.get("as"), user.get("as-groups") or ()
    extra = user.get("as-user-extra") or {}
    if not name:
        if groups or extra or user.get("as-uid"):
            raise ConfigException("the kubeconfig's user has as-uid, as-groups or as-user-extra without as")
        return ()
    headers = [("Impersonate-User", str(name))]
    if user.get("as-uid"):
        headers.append(("Impersonate-Uid", str(user["as-uid"])))
    headers += [("Impersonate-Group", str(group)) for group in groups]
    for key, values in extra.items():
        header = f"Impersonate-Extra-{quote(str(key), safe=_HEADER_NAME)}"
        headers += [(header, str(value)) for value in values]
    if any(char in value for _, value in headers for char in "\r\n\0"):
        raise ConfigException("the kubeconfig's user has a line break in whom it acts as")
    return tuple(headers)

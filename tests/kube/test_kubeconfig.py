"""kubeconfigs mean to us what they mean to kubectl: each is given to both, and the server sees the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.asking import both_ask, cluster_of, we_ask
from harness.certificates import Authority
from harness.kubeconfigs import (
    Asked,
    NotingServer,
    connect_proxy,
    embedded,
    kubeconfig,
    kubectl_asks,
    noting_server,
    write,
)
from kotsapp.kube.access import in_cluster
from kotsapp.kube.connection import Connection
from kotsapp.kube.request import Request


def by_address(noting: NotingServer) -> str:
    return noting.url.replace("localhost", "127.0.0.1")


Cluster = Callable[[NotingServer, Authority], dict[str, Any]]
CLUSTERS: dict[str, tuple[Cluster, str | None]] = {
    "a ca file beside it": (lambda s, _: {"server": s.url, "certificate-authority": "ca/ca.pem"}, None),
    "a path": (lambda s, a: cluster_of(s, a, server=f"{s.url}/k8s/clusters/c-1/"), None),
    "unverified": (lambda s, _: {"server": s.url, "insecure-skip-tls-verify": True}, None),
    "unverified, and a ca": (lambda s, a: cluster_of(s, a, **{"insecure-skip-tls-verify": True}), "only one"),
    "a name for tls": (
        lambda s, a: cluster_of(s, a, server=by_address(s), **{"tls-server-name": "localhost"}),
        None,
    ),
    "an address that the certificate does not have": (
        lambda s, a: cluster_of(s, a, server=by_address(s)),
        "its certificate does not verify: IP address mismatch",
    ),
    "no ca": (lambda s, _: {"server": s.url}, "its certificate does not verify: "),
    "a ca that is none": (
        lambda s, _: {"server": s.url, "certificate-authority-data": "bm9uZQ=="},
        "no PEM certificate",
    ),
    "no server": (lambda _s, a: {"certificate-authority-data": embedded(a.file)}, "no usable server"),
    "a socks proxy": (lambda s, a: cluster_of(s, a, **{"proxy-url": "socks9://127.0.0.1:9"}), "a socks9 proxy"),
}


@pytest.mark.parametrize("case", CLUSTERS)
async def test_where_and_how_it_is_asked(
    case: str, server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    make, says = CLUSTERS[case]
    file = write(tmp_path / "config", kubeconfig(make(server, authority), {"token": "t"}))
    complaint, asked = await both_ask(server, file)
    assert len(asked) == (1 if says is None else 0)
    assert (says or "") in complaint


async def test_a_proxy_url_counts_whatever_the_environment_says(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    async with connect_proxy() as (proxy, tunnels):
        file = write(
            tmp_path / "config", kubeconfig(cluster_of(server, authority, **{"proxy-url": proxy}), {"token": "t"})
        )
        complaint, asked = await both_ask(server, file)
    assert (complaint, len(asked)) == ("", 1)
    assert tunnels == [f"localhost:{server.server.port}"] * 2


async def test_a_context_without_a_user_and_one_whose_user_is_missing(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    cluster = cluster_of(server, authority)
    for user in (None, {}):  # kubectl would ask the terminal for a name and a password
        assert await we_ask("/version", str(write(tmp_path / "nobody", kubeconfig(cluster, user)))) == ""
    assert server.requests == [Asked("/version", None, (), None)] * 2
    server.requests.clear()
    missing = write(tmp_path / "missing", kubeconfig(cluster, {"token": "t"}, user="gone"))
    complaint, asked = await both_ask(server, missing)
    assert ("user gone does not exist" in complaint, asked) == (True, [])


LISTS: dict[str, tuple[str | None, str | None]] = {
    # KUBECONFIG, with every file's name in it, and the token that is sent
    "not set": (None, "of-home"),
    "set to nothing": ("", "of-home"),
    "one file": ("{a}", "of-a"),
    "the first of two that have the entry": ("{a}:{b}", "of-a"),
    "in the other order": ("{b}:{a}", "of-b"),
    "the first is not there": ("{none}:{b}", "of-b"),
    "empty parts": (":{b}:", "of-b"),
    "the first has no current context": ("{rest}:{b}", "of-b"),
    "each has a part": ("{user}:{rest}", "of-user"),
    "none is there": ("{none}", None),
}


@pytest.mark.parametrize("case", LISTS)
async def test_which_files_count(
    case: str, server: NotingServer, authority: Authority, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, token = LISTS[case]
    cluster = cluster_of(server, authority)
    for name in ("a", "b"):
        write(tmp_path / name, kubeconfig(cluster, {"token": f"of-{name}"}))
    whole = kubeconfig(cluster, {"token": "of-user"})
    write(tmp_path / "rest", {**whole, "users": [], "current-context": ""})
    write(tmp_path / "user", {"kind": "Config", "users": whole["users"], "current-context": "here"})
    write(home / ".kube" / "config", kubeconfig(cluster, {"token": "of-home"}))
    environ = {"HOME": str(home)}
    if listed is not None:
        names = {name: tmp_path / name for name in ("a", "b", "rest", "user", "none")}
        environ["KUBECONFIG"] = listed.format(**names)
        monkeypatch.setenv("KUBECONFIG", environ["KUBECONFIG"])
    await kubectl_asks("/version", environ)
    complaint = await we_ask("/version")
    assert complaint == "" if token else "there is no kubeconfig" in complaint
    assert [asked.authorization for asked in server.requests] == ([f"Bearer {token}"] * 2 if token else [])


async def test_a_context_is_chosen_by_name(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    document = kubeconfig(cluster_of(server, authority), {"token": "t"}, namespace="first")
    document["users"].append({"name": "other", "user": {"token": "other"}})
    context = {"cluster": "here", "user": "other", "namespace": "second"}
    document["contexts"].append({"name": "other", "context": context})
    file = write(tmp_path / "config", document)
    connection = await Connection.open("test", "other", str(file))
    await connection.json(Request("GET", "/version"), attempts=1)
    await connection.close()
    assert (connection.namespace, server.requests[0].authorization) == ("second", "Bearer other")
    assert "context none does not exist" in await we_ask("/version", str(file), "none")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "line 1: it is not YAML"),
        ("- a", "it is not a kubeconfig"),
        ("", "no current-context is set"),
        ("clusters: {}\ncontexts: {a: b}", "contexts: expected a list"),
        ("users: [{user: {}}]", "users: expected a name and a user in item 1"),
        ("users: [{name: a, user: [x]}]", "users: expected a name and a user in item 1"),
        ("current-context: a\ncontexts: [{name: a}]", "context a names no cluster"),
    ],
)
async def test_a_file_that_is_no_kubeconfig_says_where(text: str, says: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    complaint = await we_ask("/version", str(tmp_path / "config"))
    assert f"{tmp_path}/config" in complaint
    assert says in complaint


async def test_a_pod_behind_a_proxy_reaches_the_service(authority: Authority, tmp_path: Path) -> None:
    """Directly where NO_PROXY's CIDR has the service's address; where it has not, the proxy leads there."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes(authority.file.read_bytes())
    (account / "token").write_text("of-the-pod\n")
    (account / "namespace").write_text("kotsapp-system")
    # Loopback, but not of 127.0.0.0/8, which is reached without a proxy in any case.
    address = "0.0.0.0"
    async with (
        noting_server(authority.server(address, bare=True), authority) as server,
        connect_proxy() as (proxy, used),
    ):
        port = str(server.server.port)
        pod = {"KUBERNETES_SERVICE_HOST": address, "KUBERNETES_SERVICE_PORT": port, "HTTPS_PROXY": proxy}
        for no_proxy in (".svc,0.0.0.0/8", ".svc,10.0.0.0/8"):
            connection = Connection(in_cluster({**pod, "NO_PROXY": no_proxy}, account), "test")
            await connection.json(Request("GET", "/version"), attempts=1)
            async with connection.session() as session:
                await session.get(f"{connection.server}/apis")
            await connection.close()
        assert connection.namespace == "kotsapp-system"
    assert [asked.authorization for asked in server.requests] == ["Bearer of-the-pod"] * 4
    assert used == [f"{address}:{port}"] * 2


async def test_a_home_with_a_kubeconfig_comes_before_the_pods_account(
    server: NotingServer, authority: Authority, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    write(home / ".kube" / "config", kubeconfig(cluster_of(server, authority), {"token": "of-home"}))
    assert await we_ask("/version") == ""
    assert [asked.authorization for asked in server.requests] == ["Bearer of-home"]

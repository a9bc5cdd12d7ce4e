"""kubeconfigs mean to us what they mean to kubectl: each is given to both, and the server sees the same."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import ConfigException

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
from kotsapp.kube.errors import ApiError
from kotsapp.kube.request import Request

CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": %s}'
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """As an EKS cluster's: basicConstraints and no key identifiers."""
    folder = tmp_path / "ca"
    folder.mkdir()
    return Authority.create(folder, bare=True)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[NotingServer]:
    async with noting_server(authority.server("localhost", bare=True), authority) as noting:
        yield noting


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no kubeconfig of the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    return folder


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


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def cluster_of(noting: NotingServer, authority: Authority, **more: Any) -> dict[str, Any]:
    return {"server": noting.url, "certificate-authority-data": embedded(authority.file), **more}


def by_address(noting: NotingServer) -> str:
    return noting.url.replace("localhost", "127.0.0.1")


USERS: dict[str, tuple[dict[str, Any], str | None, list[tuple[str, str]]]] = {
    "a token": ({"token": "t"}, "Bearer t", []),
    "a user name": ({"username": "me", "password": "secret"}, "Basic bWU6c2VjcmV0", []),
    "a token file with a line break": ({"tokenFile": "tokens/broken"}, "Bearer of-the-file", []),
    "a token and a file": ({"token": "t", "tokenFile": "tokens/broken"}, "Bearer of-the-file", []),
    "a token and a file that is not there": ({"token": "t", "tokenFile": "tokens/none"}, "Bearer t", []),
    "as": ({"token": "t", "as": "alice"}, "Bearer t", [("Impersonate-User", "alice")]),
    "as, with all that there is": (
        {
            "token": "t",
            "as": "alice",
            "as-uid": "42",
            "as-groups": ["developers", "admins"],
            "as-user-extra": {"scopes": ["view", "edit"], "acme.com/Team%": ["a"]},
        },
        "Bearer t",
        [
            ("Impersonate-Extra-Acme.Com%2Fteam%25", "a"),
            ("Impersonate-Extra-Scopes", "edit"),
            ("Impersonate-Extra-Scopes", "view"),
            ("Impersonate-Group", "admins"),
            ("Impersonate-Group", "developers"),
            ("Impersonate-Uid", "42"),
            ("Impersonate-User", "alice"),
        ],
    ),
    "a plugin beside the file": ({"exec": {**PLUGIN, "command": "./bin/login"}}, "Bearer of-login", []),
    "a plugin with arguments and an environment": (
        {
            "exec": {
                **PLUGIN,
                "command": "bin/echo-token",
                "args": ["one"],
                "env": [{"name": "ANOTHER", "value": "two"}],
            }
        },
        "Bearer one-two",
        [],
    ),
    "a plugin and a token": ({"token": "t", "exec": {**PLUGIN, "command": "./bin/login"}}, "Bearer t", []),
    "a plugin and as": (
        {"as": "alice", "exec": {**PLUGIN, "command": "./bin/login"}},
        "Bearer of-login",
        [("Impersonate-User", "alice")],
    ),
}


@pytest.mark.parametrize("case", USERS)
async def test_who_asks_and_as_whom(
    case: str, server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    user, authorization, impersonation = USERS[case]
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "broken").write_text(" of-the-file\n")
    script(tmp_path / "bin" / "login", f"echo '{CREDENTIAL % json.dumps({'token': 'of-login'})}'")
    token = """{"token": "'"$1-$ANOTHER"'"}"""
    script(tmp_path / "bin" / "echo-token", f"echo '{CREDENTIAL % token}'")
    file = write(tmp_path / "config", kubeconfig(cluster_of(server, authority), user))
    complaint, asked = await both_ask(server, file)
    assert complaint == ""
    assert asked == [Asked("/version", authorization, tuple(impersonation), None)]


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"token": "t", "as-groups": ["admins"]}, "as-groups or as-user-extra without as"),
        ({"token": "t", "username": "me", "password": "secret"}, "a token and a user name"),
        ({"tokenFile": "none"}, "the token file"),
        ({"exec": {**PLUGIN, "command": "./none"}}, "is not found"),
        ({"exec": {**PLUGIN, "command": "no-such-program", "installHint": "get it"}}, "is not found: get it"),
        ({"exec": {**PLUGIN, "command": "false"}}, "exec plugin false failed with exit code 1"),
        ({"exec": {**PLUGIN, "command": "echo"}}, "exec plugin echo wrote no ExecCredential"),
        ({"exec": {**PLUGIN, "command": "echo", "apiVersion": "v9"}}, "expected apiVersion"),
        ({"exec": {**PLUGIN, "command": "echo", "args": [CREDENTIAL % "{}"]}}, "neither a token nor a certificate"),
        ({"exec": {**PLUGIN, "command": "true", "interactiveMode": "Always"}}, "wants a terminal"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider gcp is not supported"),
        ({"client-certificate": "none", "client-key": "none"}, "client-certificate: "),
    ],
)
async def test_credentials_that_can_not_be_used_are_an_error_and_no_request(
    user: dict[str, Any], says: str, server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    complaint, asked = await both_ask(
        server, write(tmp_path / "config", kubeconfig(cluster_of(server, authority), user))
    )
    assert says in complaint
    assert asked == []


async def test_a_client_certificate_as_data_or_as_files_beside_the_kubeconfig(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    pem = authority.issue("alice", bare=True)
    for user in (
        {"client-certificate-data": embedded(pem), "client-key-data": embedded(pem)},
        {"client-certificate": "ca/" + pem.name, "client-key": "ca/" + pem.name},
        {"client-certificate-data": embedded(pem), "client-key": str(pem)},
    ):
        file = write(tmp_path / "config", kubeconfig(cluster_of(server, authority), user))
        assert await both_ask(server, file) == ("", [Asked("/version", None, (), "alice")])
        server.requests.clear()


async def test_a_plugin_may_give_a_client_certificate_and_is_told_the_cluster(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    text = authority.issue("alice", bare=True).read_text()
    answer = tmp_path / "answer"
    answer.write_text(CREDENTIAL % json.dumps({"clientCertificateData": text, "clientKeyData": text}))
    reported = tmp_path / "told"
    script(tmp_path / "login", f"""printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> {reported}; cat {answer}""")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "here"}}
    cluster = {"server": server.url, "certificate-authority": "ca/ca.pem", "extensions": [extension]}
    user = {"exec": {**PLUGIN, "command": "./login", "provideClusterInfo": True}}
    file = write(tmp_path / "config", kubeconfig(cluster, user))
    assert await both_ask(server, file) == ("", [Asked("/version", None, (), "alice")])
    by_kubectl, by_us = (json.loads(line) for line in reported.read_text().split("\n") if line)
    assert by_us == by_kubectl


@pytest.mark.parametrize("status", [401, 200])
async def test_a_plugin_is_asked_again_when_its_token_was_refused_or_is_over(
    status: int, server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    until = '"2020-01-01T00:00:00Z"' if status == 200 else "null"
    credential = CREDENTIAL % f"""{{"token": "'"$(wc -l < {count} | tr -d ' ')"'", "expirationTimestamp": {until}}}"""
    script(tmp_path / "login", f"echo >> {count}; echo '{credential}'")
    user = {"exec": {**PLUGIN, "command": "./login"}}
    file = write(tmp_path / "config", kubeconfig(cluster_of(server, authority), user))
    connection = await Connection.open("test", kubeconfig=str(file))
    server.status = status
    for _ in range(2):
        try:
            await connection.json(Request("GET", "/version"), attempts=1)
        except ApiError as error:
            assert error.status == 401
    await connection.close()
    first, second = (asked.authorization for asked in server.requests)
    assert first != second


async def test_the_person_of_a_request_takes_the_place_of_as(
    server: NotingServer, authority: Authority, home: Path, tmp_path: Path
) -> None:
    user = {"token": "t", "as": "alice", "as-groups": ["admins"]}
    file = write(tmp_path / "config", kubeconfig(cluster_of(server, authority), user))
    connection = await Connection.open("test", kubeconfig=str(file))
    await connection.json(Request("PATCH", "/x", body={}), attempts=1)
    await connection.json(Request("PATCH", "/x", body={}, user="system:serviceaccount:apps:deployer"), attempts=1)
    async with connection.session() as session:
        await session.post(f"{connection.server}/x")
    await connection.close()
    alice = (("Impersonate-Group", "admins"), ("Impersonate-User", "alice"))
    deployer = (("Impersonate-User", "system:serviceaccount:apps:deployer"),)
    assert [asked.impersonation for asked in server.requests] == [alice, deployer, alice]


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


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_nobodys_credentials_go_over_plain_http(
    scheme: str, authority: Authority, home: Path, tmp_path: Path
) -> None:
    async with noting_server(None, authority) as server:
        cluster = cluster_of(server, authority, server=f"{scheme}localhost:{server.server.port}")
        file = write(tmp_path / "config", kubeconfig(cluster, {"token": "t", "as": "alice"}))
        complaint, asked = await both_ask(server, file)
    assert (complaint, asked) == ("", [Asked("/version", None, (("Impersonate-User", "alice"),), None)])

"""Credentials of a kubeconfig: who asks and as whom, as kubectl does it."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.asking import both_ask, cluster_of
from harness.certificates import Authority
from harness.kubeconfigs import Asked, NotingServer, embedded, kubeconfig, noting_server, write
from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError
from kotsapp.kube.request import Request

CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": %s}'
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


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


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_nobodys_credentials_go_over_plain_http(
    scheme: str, authority: Authority, home: Path, tmp_path: Path
) -> None:
    async with noting_server(None, authority) as server:
        cluster = cluster_of(server, authority, server=f"{scheme}localhost:{server.server.port}")
        file = write(tmp_path / "config", kubeconfig(cluster, {"token": "t", "as": "alice"}))
        complaint, asked = await both_ask(server, file)
    assert (complaint, asked) == ("", [Asked("/version", None, (("Impersonate-User", "alice"),), None)])

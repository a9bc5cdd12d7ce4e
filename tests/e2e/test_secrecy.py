"""No license id and no credential in anything that the operator emitted, in the whole session and after failures.

What the failures here make the operator say is looked at at once; what all the other tests made it say, when the
session ends (conftest). It logs at debug level.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from harness.apps import PRIVATE, PUBLIC, SLUG, TALKATIVE, Object, Tenant, deployment
from harness.running import Operator
from harness.secrecy import PASSWORD, leaks, leaks_of_a_session, spellings
from harness.waiting import until
from harness.witness import Witness
from localworld.api import ApiError
from localworld.world import World

ID = "talked-about-license-id"


def test_spellings_find_a_license_id_in_a_pull_secret() -> None:
    auth = base64.b64encode(f"LICENSE_ID:{ID}".encode()).decode()
    content = base64.b64encode(json.dumps({"auths": {"proxy.replicated.com": {"auth": auth}}}).encode()).decode()

    for text in (ID, auth, content):
        assert any(spelling in f"before {text} after" for spelling in spellings(ID))
    assert not any(spelling in content for spelling in spellings("another-license-id"))


# -- failures that talk


class _Talkative(BaseHTTPRequestHandler):
    """Asks for a password, and says what it got in every place that an answer has."""

    def do_HEAD(self) -> None:
        given = self.headers.get("Authorization", "")
        if not given:
            self._answer(401, "UNAUTHORIZED", "who are you?")
            return
        said = base64.b64decode(given.removeprefix("Basic ")).decode()
        how = self.path.split("/")[-3].rpartition("-")[2]
        if how == "redirect":
            self._answer(307, said, said, Location=f"http://{TALKATIVE}/{said}?auth={given}")
        else:
            self._answer(int(how), said, f"{given} {said}", **{"Retry-After": "1", "Docker-Distribution-Error": said})

    def do_GET(self) -> None:
        self.do_HEAD()

    def _answer(self, status: int, code: str, message: str, **headers: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message, "detail": message}]}).encode()
        self.send_response(status, message if status != 401 else None)
        self.send_header("WWW-Authenticate", f'Basic realm="{message}"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def talkative_proxy(world: World) -> Iterator[None]:
    port = urlsplit(world.registries.endpoints[TALKATIVE]).port
    server = ThreadingHTTPServer(("127.0.0.1", port or 0), _Talkative)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_proxy_that_repeats_the_credential_is_not_quoted(
    world: World, new_tenant: Callable[..., Tenant], operator: Operator
) -> None:
    tenant = new_tenant(licenseID=ID)
    images = [f"quay.io/my-org/how-{how}:1" for how in ("400", "401", "403", "404", "418", "500", "redirect")]
    with talkative_proxy(world):
        tenant.put_app(
            "app",
            [deployment(f"d{number}", image) for number, image in enumerate(images)],
            proxy={"domain": TALKATIVE, "verify": "Enforce"},
        )
        tenant.wait_reason("app", "ImagesNotPullable")

    entries = tenant.images("app")
    assert {entry["verified"] for entry in entries.values()} <= {"False", "Unknown"}
    assert set(entries) == set(images)
    assert not leaks(json.dumps(tenant.status("app")), [ID])


def _policy(name: str) -> list[Object]:
    """Refuses every Secret of the namespace, quoting it."""
    group = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    quote = "'no: ' + string(object.data['.dockerconfigjson'])"
    validation = {"expression": "false", "reason": "Forbidden", "messageExpression": quote}
    return [
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]},
        },
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
            },
        },
    ]


def test_an_admission_policy_that_quotes_the_pull_secret_is_not_quoted(new_tenant: Callable[..., Tenant]) -> None:
    tenant = new_tenant(licenseID=ID)
    if tenant.world.programs.minor < 30:
        pytest.skip("ValidatingAdmissionPolicy came with Kubernetes 1.30")
    name = tenant.namespace
    for obj in _policy(name):
        tenant.world.kubectl("apply", "-f", "-", stdin=json.dumps(obj))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "probe"},
        "data": {".dockerconfigjson": "e30="},
    }

    def refused() -> str:
        try:
            tenant.world.api.apply(tenant.path("secrets", "probe"), secret)
        except ApiError as error:
            return str(error)
        return ""

    # The policy takes a moment to count, and it does quote.
    assert "no: e30=" in until(refused, "the policy is in force", 20)

    tenant.put_app("app", [deployment("one", PRIVATE)], proxy={"verify": "Off"})

    message = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert f"Secret/{SLUG}-registry" in message
    assert name in message
    assert not leaks(json.dumps(tenant.app("app")), [ID])


def test_a_secrets_digest_in_status_is_no_means_to_try_passwords_against(tenant: Tenant) -> None:
    """Who may see a KotsApp may not see the vendor's Secrets: their digests depend on what only the license holds."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": PASSWORD}}
    digests = []
    for license_id in ("digest-license-1", "digest-license-2"):
        tenant.put_license(licenseID=license_id)
        tenant.put_app("app", [secret])
        tenant.wait_ready("app")
        until(lambda: tenant.get("secrets", "db"), "it is applied")

        def entry() -> str:
            inventory = tenant.status("app").get("inventory") or ()
            return next((e.get("digest", "") for e in inventory if e["name"] == "db"), "")

        until(lambda: entry() not in ("", *digests), "its digest depends on the license id")
        digests.append(entry())


# -- everything that was ever emitted


def test_the_look_at_the_end_of_the_session_sees_what_was_said(
    operator: Operator, witness: Witness, tenant: Tenant
) -> None:
    """Else it would find nothing secret because it finds nothing."""
    tenant.put_app("app", [deployment("one", PUBLIC)])
    tenant.wait_ready("app")

    assert "kotsapp_apps" in operator.metrics()
    assert tenant.namespace in operator.all_logs()
    until(lambda: _seen(witness, "kotsapps", tenant.namespace), "the KotsApp's status was seen")
    until(lambda: _seen(witness, "events", tenant.namespace), "its events were seen")
    until(lambda: _seen(witness, "deployments", tenant.namespace), "its workload was seen")
    lines = "\n".join(witness.lines("kotsapps"))
    assert set(leaks_of_a_session([PUBLIC], lines, "", witness)) == {"logs", "workloads", "KotsApps"}


def _seen(witness: Witness, plural: str, text: str) -> bool:
    return any(text in line for line in witness.lines(plural))

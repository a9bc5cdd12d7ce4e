"""Bad input: told by object and key, nothing that runs is touched, other apps go on, and mending it heals."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from harness.apps import CEL_MINOR, DOWN, LICENSE_ID, PRIVATE, PUBLIC, SLUG, Object, Tenant, config_map, deployment
from harness.bad_specs import BAD_SPECS, GOOD, NAME, UNKNOWN_FIELDS, BadSpec
from harness.licenses import Signer
from harness.running import Operator
from harness.waiting import until
from localworld.api import ApiError
from localworld.process import ProcessError
from localworld.world import World

LICENSE_KEY, MANIFEST_KEY = "license.yaml", "app.yaml"


def with_image(image: str) -> str:
    return json.dumps(deployment("{app}", image))


@dataclass(frozen=True)
class Break:
    """What somebody does to a running app's license or manifests (None: removes it), and what has to be told."""

    title: str
    reason: str
    reported: tuple[str, ...]
    license: Callable[[Signer], Mapping[str, str | bytes] | None] | None = None
    manifests: Callable[[], Mapping[str, str] | None] | None = None

    @property
    def app(self) -> str:
        return self.title.replace(" ", "-")


def _document(text: str | bytes) -> Callable[[Signer], Mapping[str, str | bytes]]:
    return lambda _: {LICENSE_KEY: text}


def _tampered(signer: Signer) -> Mapping[str, str | bytes]:
    document = yaml.safe_load(signer.sign())
    document["spec"]["signature"] = document["spec"]["signature"][:-80]
    return {LICENSE_KEY: yaml.safe_dump(document)}


def _unsigned(signer: Signer) -> Mapping[str, str | bytes]:
    document = yaml.safe_load(signer.sign())
    del document["spec"]["signature"]
    return {LICENSE_KEY: yaml.safe_dump(document)}


def _manifest(text: str) -> Callable[[], Mapping[str, str]]:
    return lambda: {MANIFEST_KEY: text}


_SOURCE = "ConfigMap {app}-manifests, key app.yaml"
_LICENSE = "Secret {app}-license, key license.yaml"

BREAKS = (
    Break(
        "no license secret",
        "LicenseNotFound",
        ("Secret {app}-license with the license does not exist", "create it", "key license.yaml"),
        license=lambda _: None,
    ),
    Break(
        "no license key",
        "LicenseNotFound",
        ("Secret {app}-license has no key license.yaml (its keys: licence.yaml)", "put the license document there"),
        license=lambda signer: {"licence.yaml": signer.sign()},
    ),
    Break("license is empty", "LicenseInvalid", (f"{_LICENSE}: the document is empty",), license=_document("")),
    Break("license no yaml", "LicenseInvalid", (f"{_LICENSE}: the document is not YAML",), license=_document("a: [b")),
    Break(
        "license another kind",
        "LicenseInvalid",
        (f"{_LICENSE}: the document is not a License: it has kind 'ConfigMap'",),
        license=_document(json.dumps(config_map("one"))),
    ),
    Break("license binary", "LicenseInvalid", (_LICENSE, "not UTF-8"), license=_document(b"\xff\xfe\x00")),
    Break("license unsigned", "LicenseUnsigned", (_LICENSE, "signature"), license=_unsigned),
    Break("license tampered", "LicenseSignatureMalformed", (_LICENSE, "signature"), license=_tampered),
    Break(
        "no manifests",
        "ManifestsNotFound",
        ("ConfigMap {app}-manifests with manifests does not exist in namespace", "create it"),
        manifests=lambda: None,
    ),
    Break(
        "manifests without keys",
        "ManifestsNotFound",
        ("ConfigMap {app}-manifests has no keys", "put manifests into it"),
        manifests=dict,
    ),
    Break(
        "manifests are empty",
        "InvalidManifest",
        (f"{_SOURCE}: no Kubernetes object found", "put the app's manifests there"),
        manifests=_manifest("# nothing here\n---\n"),
    ),
    Break(
        "manifests no yaml",
        "InvalidManifest",
        (f"{_SOURCE}, document 1, line 3: is not YAML",),
        manifests=_manifest("kind: A\nb: {"),
    ),
    Break(
        "object without kind",
        "InvalidManifest",
        (f"{_SOURCE}, document 2", "has no kind", "every Kubernetes object has apiVersion and kind"),
        manifests=_manifest(f"{json.dumps(config_map('one'))}\n---\napiVersion: v1\nmetadata: {{name: two}}\n"),
    ),
    Break(
        "object without name",
        "InvalidManifest",
        (_SOURCE, "the ConfigMap has no metadata.name: give it one"),
        manifests=_manifest("apiVersion: v1\nkind: ConfigMap\n"),
    ),
    Break(
        "object twice",
        "ObjectRefused",
        ("ConfigMap/one is defined twice",),
        manifests=_manifest("---\n".join([json.dumps(config_map("one")) + "\n"] * 2)),
    ),
    Break(
        "kind unknown",
        "ObjectRefused",
        ("Gadget/one", "serves no kind Gadget in example.invalid/v1"),
        manifests=_manifest("apiVersion: example.invalid/v1\nkind: Gadget\nmetadata: {name: one}\n"),
    ),
    Break(
        "kind of a version that is gone",
        "ObjectRefused",
        (
            "Ingress/one",
            "no kind Ingress in extensions/v1beta1",
            "serves Ingress in networking.k8s.io/v1",
            "Gadget/two",
        ),
        manifests=_manifest(
            "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: one}\n---\n"
            "apiVersion: example.invalid/v1\nkind: Gadget\nmetadata: {name: two}\n"
        ),
    ),
    Break(
        "image unparsable",
        "InvalidImage",
        ("Deployment/image-unparsable: 'quay.io/My Org/api:1' is not an image reference", "fix it in the manifests"),
        manifests=_manifest(with_image("quay.io/My Org/api:1")),
    ),
    Break(
        "registry down",
        "ImagesUndecided",
        (f"{DOWN}/api:1 (Deployment/registry-down)", "Nothing rolls out", "asked again by itself"),
        manifests=_manifest(with_image(f"{DOWN}/api:1")),
    ),
)


@dataclass
class Life:
    """What was seen of one app: the workload before and while it was broken, and the status while it was."""

    before: Object
    broken: Object
    workload: Object


class Apps:
    """All broken apps side by side in one namespace, so that their waiting is done together."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.lives: dict[str, Life] = {}

    def put_good(self, broken: Break) -> None:
        tenant, app = self.tenant, broken.app
        tenant.put_license(name=f"{app}-license")
        tenant.put_config_map(f"{app}-manifests", {MANIFEST_KEY: json.dumps(deployment(app, PUBLIC))})
        tenant.put_app_spec(
            app,
            {
                "license": {"secretRef": {"name": f"{app}-license"}},
                "manifests": [{"configMapRef": {"name": f"{app}-manifests"}}],
            },
        )

    def damage(self, broken: Break) -> None:
        tenant, app = self.tenant, broken.app
        if broken.license is not None:
            self._put("secrets", f"{app}-license", broken.license(tenant.signer))
        if broken.manifests is not None:
            self._put("configmaps", f"{app}-manifests", broken.manifests())

    def _put(self, plural: str, name: str, data: Mapping[str, Any] | None) -> None:
        if data is None:
            self.tenant.world.api.delete(self.tenant.path(plural, name))
        elif plural == "secrets":
            self.tenant.put_secret(name, data)
        else:
            app = name.removesuffix("-manifests")
            self.tenant.put_config_map(name, {key: text.replace("{app}", app) for key, text in data.items()})

    def workload(self, broken: Break) -> Object:
        """Everything of the workload but what its controllers say about it."""
        live = self.tenant.get("deployments", broken.app)
        metadata = {key: live["metadata"][key] for key in ("uid", "generation", "labels")}
        return {"metadata": metadata, "spec": live["spec"]}


@pytest.fixture(scope="module")
def apps(world: World, signer: Signer, shared_operator: Operator) -> Apps:
    """Every app of the table made, Ready, and broken in its own way."""
    if not shared_operator.running:
        shared_operator.start()
    apps = Apps(Tenant.make(world, signer))
    for broken in BREAKS:
        apps.put_good(broken)
    for broken in BREAKS:
        apps.tenant.wait_ready(broken.app, 60)
    before = {broken.app: apps.workload(broken) for broken in BREAKS}
    for broken in BREAKS:
        apps.damage(broken)
    for broken in BREAKS:
        apps.tenant.wait_reason(broken.app, broken.reason)
        status = apps.tenant.status(broken.app)
        apps.lives[broken.app] = Life(before[broken.app], status, apps.workload(broken))
    return apps


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.app)
def test_bad_input_is_told_and_nothing_that_runs_is_touched(apps: Apps, broken: Break) -> None:
    life = apps.lives[broken.app]
    conditions = {condition["type"]: condition for condition in life.broken["conditions"]}

    for part in broken.reported:
        assert part.format(app=broken.app) in conditions["Ready"]["message"]
    assert conditions["Ready"]["status"] == "False"
    assert ("Reconciling" if broken.reason == "ImagesUndecided" else "Stalled") in conditions
    if broken.license is not None:
        assert (conditions["LicenseValid"]["status"], conditions["LicenseValid"]["reason"]) == ("False", broken.reason)
    assert life.workload == life.before


def test_other_apps_go_on_meanwhile(apps: Apps) -> None:
    apps.tenant.put_app("sound", [deployment("sound", PRIVATE), config_map("sound", a="1")])
    apps.tenant.wait_ready("sound")

    apps.tenant.put_app("sound", [deployment("sound", PRIVATE), config_map("sound", a="2")])

    until(lambda: apps.tenant.get("configmaps", "sound")["data"] == {"a": "2"}, "the change is applied", 10)


def test_mending_the_input_heals_without_a_restart(apps: Apps, shared_operator: Operator) -> None:
    pid = shared_operator.pid
    for broken in BREAKS:
        apps.put_good(broken)

    for broken in BREAKS:
        apps.tenant.wait_ready(broken.app)
        conditions = {c["type"]: c["status"] for c in apps.tenant.status(broken.app)["conditions"]}
        assert "Stalled" not in conditions
        assert conditions["LicenseValid"] == "True"
    assert shared_operator.pid == pid


class _Refusing(BaseHTTPRequestHandler):
    """A registry that nobody may pull from without a password."""

    def do_HEAD(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="down"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registry_comes_back(endpoint: str) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", urlsplit(endpoint).port or 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_app_whose_registry_comes_back_rolls_out_by_itself(world: World, tenant: Tenant) -> None:
    image = f"{DOWN}/team/api:2"
    tenant.put_app("app", [deployment("one", image), config_map("two", a="b")])
    tenant.wait_reason("app", "ImagesUndecided")
    assert not tenant.get("deployments", "one")
    assert not tenant.get("configmaps", "two")
    entry = tenant.images("app")[image]
    assert (entry["verdict"], "route" in entry, entry["usedBy"]) == ("Unreachable", False, ["Deployment/one"])

    world.registries.push(f"proxy.replicated.com/proxy/{SLUG}/{DOWN}/team/api:2")
    with registry_comes_back(world.registries.endpoints[DOWN]):
        tenant.wait_ready("app")

    assert tenant.images("app")[image]["pull"] == f"proxy.replicated.com/proxy/{SLUG}/{image}"


# -- what the API server refuses


def dry_run(tenant: Tenant, name: str, spec: Mapping[str, Any]) -> None:
    body = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": name}, "spec": spec}
    tenant.world.api.request(
        "POST", tenant.path("kotsapps"), body, params={"dryRun": "All", "fieldValidation": "Strict"}
    )


@pytest.mark.parametrize("bad", BAD_SPECS, ids=str)
def test_a_bad_spec_is_refused_with_the_field_and_the_rule(apps: Apps, bad: BadSpec) -> None:
    if bad.cel and apps.tenant.world.programs.minor < CEL_MINOR:  # no CEL: the operator says it
        name = bad.name if bad.name != NAME else str(bad).lower()
        apps.tenant.put_app_spec(name, bad.spec)
        assert bad.message in apps.tenant.wait_reason(name, "InvalidSpec")["message"]
        return

    with pytest.raises(ApiError) as caught:
        dry_run(apps.tenant, bad.name, bad.spec)

    assert caught.value.status == 422
    # Old API servers leave out which item of a list it is.
    old = apps.tenant.world.programs.minor < CEL_MINOR
    assert (re.sub(r"\[\d+\]", "", bad.refused) if old else bad.refused) in str(caught.value)


def test_a_good_spec_is_taken(apps: Apps) -> None:
    dry_run(apps.tenant, "good", GOOD)
    dry_run(apps.tenant, "a" * 63, {**GOOD, "imagePaths": [{"group": "g", "kind": "K", "path": "a['b.c'][*].*[0]"}]})


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS, ids=str)
def test_kubectl_refuses_a_field_that_there_is_not(apps: Apps, unknown: Mapping[str, Any]) -> None:
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": GOOD | unknown}

    with pytest.raises(ProcessError) as caught:
        apps.tenant.kubectl("apply", "-f", "-", stdin=json.dumps(app))

    assert "unknown field" in str(caught.value)


def test_kubectl_apply_says_which_rule_is_broken(apps: Apps) -> None:
    spec = {**GOOD, "proxy": {"verify": "Perhaps"}}
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": spec}

    with pytest.raises(ProcessError) as caught:
        apps.tenant.kubectl("apply", "-f", "-", stdin=json.dumps(app))

    assert 'The KotsApp "app" is invalid' in str(caught.value)
    assert 'spec.proxy.verify: Unsupported value: "Perhaps"' in str(caught.value)
    assert 'supported values: "Off", "Report", "Enforce"' in str(caught.value)


def test_a_secret_that_the_api_server_refuses_is_named_without_its_values(tenant: Tenant) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": 4711471147}}
    tenant.put_secret("private", {"a.yaml": json.dumps(secret)})
    source = [{"secretRef": {"name": "private"}}]
    tenant.put_app_spec("app", {"license": {"secretRef": {"name": "my-license"}}, "manifests": source})

    message = tenant.wait_reason("app", "ObjectRefused")["message"]

    assert "Secret/db: the API server finds it invalid" in message
    if tenant.world.programs.minor >= CEL_MINOR:  # older ones don't say where
        assert ".stringData.password" in message
    assert "4711471147" not in json.dumps(tenant.app("app"))
    assert LICENSE_ID not in json.dumps(tenant.app("app"))

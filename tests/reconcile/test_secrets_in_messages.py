"""What a vendor, a tenant or the API server makes the operator say holds no secret of the app, in no spelling.

Every case gets a secret into something that is told: the status, an event, a line of the log, a metric.
"""

import base64
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from harness.cluster import NAMESPACE, config_map, deployment, obj
from harness.fakekube import refused
from harness.inprocess import PUBLIC, Operator, operating
from harness.licenses import Signer
from harness.packing import pack
from harness.virtual_time import in_virtual_time, until
from kotsapp.logs import formatter
from kotsapp.redact import Redactor, use
from kotsapp.spellings import spellings
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.verdict import Verdict

pytestmark = pytest.mark.usefixtures("helm_on_path")

ID = "2eFdA9sLq0WnTYxkQmZr1HcVb7P"
ENTITLED = "entitled-2-hunter2hunter2"
PASSWORD = "Tr0ub4dor-and-3-more"
SECRETS = (ID, ENTITLED, PASSWORD)
CALL = 'repl{{ LicenseFieldValue "licenseID" }}'
HIDDEN = 'repl{{ LicenseFieldValue "token" }}'


@dataclass(frozen=True)
class Case:
    """``manifests`` are in a ConfigMap, or in a Secret; ``quote`` is what the API server says of what is applied."""

    title: str
    manifests: str
    reason: str
    secret: bool = False
    quote: Callable[[Mapping[str, Any]], str] | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.title.replace(" ", "-")


def text(*objects: Mapping[str, Any]) -> str:
    return yaml.safe_dump_all(
        [{**one, "metadata": {k: v for k, v in one["metadata"].items() if k != "namespace"}} for one in objects]
    )


def whole(made: Mapping[str, Any]) -> str:
    return f"invalid: {json.dumps(made)}"


def encoded(made: Mapping[str, Any]) -> str:
    return f"invalid: {base64.b64encode(json.dumps(made).encode()).decode()}"


OWN_SECRET = obj("Secret", "db", stringData={"password": PASSWORD, "url": f"postgres://shop:{PASSWORD}@db/shop"})
USING = deployment(image=PUBLIC)
USING["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": PASSWORD}]
CASES = [
    Case("API error quotes a value", text(config_map(id=CALL)), "ObjectRefused", quote=whole),
    Case("API error quotes base64", text(config_map(id=CALL, a=HIDDEN)), "ObjectRefused", quote=encoded),
    Case("API error quotes lower case", text(config_map(a=CALL)), "ObjectRefused", quote=lambda o: whole(o).lower()),
    Case("API error quotes another object's Secret", text(OWN_SECRET, USING), "ObjectRefused", quote=whole),
    Case("API error quotes what a Secret source holds", text(USING), "ObjectRefused", secret=True, quote=whole),
    Case("API error quotes a hidden entitlement", text(config_map(a=HIDDEN)), "ObjectRefused", quote=whole),
    Case("image name", text(deployment(image=f"quay.io/org/{CALL}:1")), ""),
    Case("image host", text(deployment(image=f"{CALL}.example.invalid/app:1")), ""),
    Case("image tag", text(deployment(image=f"quay.io/org/app:{HIDDEN}")), ""),
    Case("image that is none", text(deployment(image=f"quay.io/{CALL}/{CALL}@x")), ""),
    Case("kind", text(config_map()).replace("ConfigMap", CALL), "ObjectRefused"),
    Case("version", text(config_map()).replace("v1", f"a.example/{CALL}"), "ObjectRefused"),
    Case("key name", text(config_map()) + f"data: {{'{CALL}': a}}\n", "ObjectRefused", quote=whole),
    Case("object's name", text(config_map()).replace("settings", CALL), "InvalidManifest"),
    Case("annotation", text(config_map()) + f"  annotations: {{kots.io/exclude: '{CALL}'}}\n", "InvalidManifest"),
    Case("name in a Secret source", f"kind: {PASSWORD}\n", "InvalidManifest", secret=True),
    Case("no YAML in a Secret source", f"a: b: {PASSWORD}\n '{PASSWORD}", "InvalidManifest", secret=True),
    Case("fields in a Secret source", f"'{PASSWORD}': 1\n", "InvalidManifest", secret=True),
    Case("key twice in a Secret source", f"'{PASSWORD}': 1\n'{PASSWORD}': 2\n", "InvalidManifest", secret=True),
    Case("annotation in a Secret source", text(config_map()) + f"  annotations: {{kots.io/exclude: '{PASSWORD}'}}\n",
         "InvalidManifest", secret=True),
    Case("a failing call", text(config_map(a="repl{{ fail (printf \"%s\" (LicenseFieldValue \"licenseID\")) }}")),
         "InvalidManifest"),
    Case("image path", text(OWN_SECRET), "InvalidSpec",
         spec={"imagePaths": [{"group": "", "kind": "Secret", "path": "stringData.password"}]}),
]  # fmt: skip


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as the operator writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter("text"))
    logger = logging.getLogger("kotsapp")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def put(operator: Operator, case: Case) -> None:
    kind = "Secret" if case.secret else "ConfigMap"
    content = {"stringData" if case.secret else "data": {"release.yaml": case.manifests}}
    operator.api.put(obj(kind, "release", **content))
    ref = {"secretRef" if case.secret else "configMapRef": {"name": "release"}}
    operator.put_app(manifests=[ref], wait=False, **case.spec)


@pytest.mark.parametrize("case", CASES, ids=str)
@in_virtual_time
async def test_no_secret_is_told(case: Case, signer: Signer, log: io.StringIO) -> None:
    hidden = {"title": "Token", "value": ENTITLED, "valueType": "String", "isHidden": True}
    ends = {"title": "Expiration", "value": "", "valueType": "String"}

    def admit(made: Any, _: object) -> None:
        if (
            case.quote is not None
            and made["metadata"]["name"] != "release"
            and made["kind"] in ("ConfigMap", "Deployment")
        ):
            raise refused(422, case.quote(made))

    async with operating(signer) as operator:
        operator.put_license(licenseID=ID, entitlements={"token": hidden, "expires_at": ends})
        operator.api.admit_by(admit)
        put(operator, case)
        await until(lambda: operator.ready()[0], lambda: operator.status())
        if case.reason:
            await operator.until_reason(case.reason)

        events = [[event["reason"], event["message"]] for event in operator.api.all("Event", NAMESPACE)]
        reported = {
            "status": json.dumps(operator.status()),
            "events": json.dumps(events),
            "log": log.getvalue(),
        }
    for where, said in reported.items():
        leaked = [secret for secret in SECRETS if any(one in said.lower() for one in spellings(secret))]
        assert not leaked, f"{where}: {said}"
    if case.reason:
        assert len(operator.message()) > 20, "it still says what is wrong"


@in_virtual_time
async def test_what_is_no_secret_is_told_as_ever(signer: Signer) -> None:
    """Of a Secret that holds a release: its objects, images and words of it."""
    async with operating(signer) as operator:
        held = text(
            deployment(image="quay.io/org/app:broken tag"), obj("Secret", "db", stringData={"mode": "production"})
        )
        put(operator, Case("", held, "", secret=True))
        await operator.until_reason("InvalidImage")

        assert "quay.io/org/app:broken tag" in operator.message()
        assert "Deployment/shop" in operator.message()


@in_virtual_time
async def test_words_and_names_of_a_release_in_a_secret_are_told(signer: Signer) -> None:
    """What stands in a message is what a person has to find in the manifests."""
    named = "web-frontend-config, /var/lib/shop/data, shop.internal.example.com and RollingUpdate"

    def admit(made: Any, _: object) -> None:
        if made["kind"] == "Deployment":
            raise refused(422, f"not allowed here: {named}, {PASSWORD}")

    async with operating(signer) as operator:
        operator.api.admit_by(admit)
        values = {
            "config": "web-frontend-config",
            "path": "/var/lib/shop/data",
            "upstream": "shop.internal.example.com",
            "strategy": "RollingUpdate",
            "POSTGRES_PASSWORD": PASSWORD,
        }
        put(operator, Case("", text(config_map("env", **values), deployment(image=PUBLIC)), "", secret=True))
        await operator.until_reason("ObjectRefused")

        assert named in operator.whole_message()
        assert PASSWORD not in operator.whole_message()


@pytest.mark.parametrize("passphrase", ["correct-horse-battery-staple", "every/word/is/spoken"])
@in_virtual_time
async def test_a_password_of_words_is_known_by_what_it_is_called(signer: Signer, passphrase: str) -> None:
    def admit(made: Any, _: object) -> None:
        if made["kind"] == "Deployment":
            raise refused(422, f"Invalid value: {passphrase}")

    own = obj("Secret", "db", stringData={"value": passphrase, "url": f"host=db\npassword={passphrase}"})
    variable = deployment(image=PUBLIC)
    variable["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": passphrase}]
    listed = config_map("env", tokens=f"one\n{passphrase}\n")
    cases = [([config_map("env", DB_PASSWORD=passphrase)], True), ([variable], True), ([listed], True), ([own], False)]
    for held, secret in cases:
        async with operating(signer) as operator:
            operator.api.admit_by(admit)
            put(operator, Case("", text(*held, deployment("other", image=PUBLIC)), "", secret=secret))
            await operator.until_reason("ObjectRefused")

            assert passphrase not in json.dumps(operator.status())
            assert "Invalid value: ***" in operator.whole_message()


@in_virtual_time
async def test_of_an_archive_in_a_secret_nothing_is_quoted(signer: Signer, log: io.StringIO) -> None:
    """Nobody knows what in there is secret."""

    def admit(made: Any, _: object) -> None:
        if made["kind"] == "Deployment":
            raise refused(422, f'Deployment.apps "shop" is invalid: spec.x: Invalid value: "{PASSWORD}": no')

    async with operating(signer) as operator:
        operator.api.admit_by(admit)
        archive = base64.b64encode(pack({"app.yaml": text(USING).encode()})).decode()
        operator.api.put({**obj("Secret", "release"), "data": {"release.tgz": archive}})
        operator.put_app(manifests=[{"secretRef": {"name": "release"}}])
        await operator.until_reason("ObjectRefused")

        assert "Deployment/shop: the API server finds it invalid" in operator.whole_message()
        events = json.dumps([event["message"] for event in operator.api.all("Event", NAMESPACE)])
        assert PASSWORD not in json.dumps(operator.status()) + events + log.getvalue()


@in_virtual_time
async def test_what_a_chart_in_a_secret_says_is_not_told_but_where_it_says_it(signer: Signer) -> None:
    async with operating(signer) as operator:
        template = f'{{{{ fail "{PASSWORD}" }}}}'
        chart = pack(
            {
                "shop/Chart.yaml": b"apiVersion: v2\nname: shop\nversion: 1.0.0\n",
                "shop/templates/app.yaml": template.encode(),
            }
        )
        helm_chart = obj(
            "HelmChart",
            "shop",
            api_version="kots.io/v1beta2",
            spec={"chart": {"name": "shop", "chartVersion": "1.0.0"}},
        )
        data = {"shop-1.0.0.tgz": chart, "chart.yaml": text(helm_chart).encode()}
        operator.api.put(
            {**obj("Secret", "release"), "data": {k: base64.b64encode(v).decode() for k, v in data.items()}}
        )
        operator.put_app(manifests=[{"secretRef": {"name": "release"}}])
        await operator.until_reason("InvalidManifest")

        assert PASSWORD not in json.dumps(operator.status())
        assert "shop/templates/app.yaml:1:" in operator.message()


def test_metrics_hold_no_secret() -> None:
    registry = CollectorRegistry()
    redactor = Redactor()
    redactor.learn("license", [ID])

    def probed() -> None:
        use(redactor)
        Metrics(registry).probed(f"{ID.lower()}.example.invalid", Verdict.PUBLIC, 1.0)

    copy_context().run(probed)

    assert ID.lower() not in generate_latest(registry).decode()
    assert "example.invalid" in generate_latest(registry).decode()

"""A release's Config on a cluster: answered, missing, generated, and changed (DESIGN 6.2)."""

import yaml

from harness.apps import Tenant
from harness.running import Operator
from harness.waiting import until

RELEASE = """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: basics
    items:
    - {name: hostname, title: Host name, required: true}
    - {name: tls, type: bool, default: "1"}
    - {name: ca, type: file}
    - {name: db_password, type: password, hidden: true, value: '{{repl RandomString 24 }}'}
    - {name: port, default: "8443", validation: {regex: {pattern: '^[0-9]+$', message: digits only}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  url: >-
    {{repl if ConfigOptionEquals "tls" "1" }}https{{repl else }}http{{repl end }}://repl{{ ConfigOption "hostname" }}
  port: repl{{ ConfigOption "port" | quote }}
  ca: '{{repl ConfigOptionData "ca" | trim }}'
---
apiVersion: v1
kind: Secret
metadata: {name: database}
stringData: {password: 'repl{{ ConfigOption "db_password" }}'}
"""


def put(tenant: Tenant, config: object = None, text: str = RELEASE) -> None:
    spec = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"inline": text}]}
    tenant.put_app_spec("shop", spec if config is None else spec | {"config": config})


def settings(tenant: Tenant) -> dict[str, str]:
    found: dict[str, str] = tenant.get("configmaps", "settings")["data"]
    return found


def password(tenant: Tenant) -> str:
    return str(tenant.get("secrets", "database")["data"]["password"])


def test_what_is_missing_is_told_and_giving_it_heals(tenant: Tenant) -> None:
    put(tenant)

    reported = tenant.wait_reason("shop", "ConfigIncomplete")

    assert "the Config's item hostname ('Host name') is required and has no value" in reported["message"]
    assert tenant.condition("shop", "Stalled")["status"] == "True"
    status = tenant.status("shop")["config"]
    assert status == {
        "items": ["hostname", "tls", "ca", "db_password", "port"],
        "set": [],
        "generated": ["db_password"],
        "missing": ["hostname"],
    }

    put(tenant, {"values": {"hostname": "shop.example.com", "tls": False, "port": 8080}})
    tenant.wait_ready("shop")
    assert settings(tenant) == {"url": "http://shop.example.com", "port": "8080", "ca": ""}
    status = tenant.status("shop")["config"]
    assert (status["set"], status["generated"], status["missing"]) == (
        ["hostname", "port", "tls"],
        ["db_password"],
        [],
    )


def test_answers_come_from_objects_and_a_change_of_them_rolls_out_with_the_same_password(
    tenant: Tenant, operator: Operator
) -> None:
    tenant.put_config_map("answers", {"values.yaml": yaml.safe_dump({"hostname": "one.example.com", "port": 1})})
    tenant.put_secret("more", {"port": "2\n", "ca": "-----BEGIN CERTIFICATE-----\n"})
    sources = [{"configMapRef": {"name": "answers"}}, {"secretRef": {"name": "more"}}]
    put(tenant, {"valuesFrom": sources})
    tenant.wait_ready("shop")
    assert settings(tenant) == {
        "url": "https://one.example.com",
        "port": "2",
        "ca": "-----BEGIN CERTIFICATE-----",
    }
    drawn = password(tenant)
    assert len(drawn) == 32  # 24 characters in base64

    tenant.put_config_map("answers", {"values.yaml": yaml.safe_dump({"hostname": "two.example.com"})})
    until(lambda: settings(tenant)["url"] == "https://two.example.com", "the change is rolled out")
    assert password(tenant) == drawn

    operator.kill()
    operator.start()
    put(tenant, {"valuesFrom": sources, "values": {"hostname": "three.example.com"}}, RELEASE.replace("24", "40"))
    until(lambda: settings(tenant)["url"] == "https://three.example.com", "what the spec says counts over objects")
    tenant.wait_ready("shop")
    assert password(tenant) == drawn, "a new release asks for a longer one, and an answer stays an answer"

    tenant.kubectl("annotate", "kotsapp/shop", "kotsapp.dev/renderAt=now")
    until(lambda: tenant.status("shop").get("lastHandledRenderAt") == "now", "it is rendered anew")
    tenant.wait_ready("shop")
    assert password(tenant) == drawn


def test_an_answer_that_does_not_fit_leaves_what_runs(tenant: Tenant) -> None:
    put(tenant, {"values": {"hostname": "shop", "portt": 1}})
    tenant.wait_ready("shop")
    [reported] = until(
        lambda: [event for event in tenant.all("events") if event["reason"] == "ReleaseWarning"], "an event tells of it"
    )
    assert reported["type"] == "Warning"
    assert "did you mean port?" in reported["message"]

    put(tenant, {"values": {"hostname": "other", "port": "eighty"}})
    reported = tenant.wait_reason("shop", "ConfigIncomplete")
    assert "the Config's item port has a value that does not fit: digits only" in reported["message"]
    assert settings(tenant)["url"] == "https://shop"

    put(tenant, {"valuesFrom": [{"secretRef": {"name": "gone"}}]})
    reported = tenant.wait_reason("shop", "ConfigIncomplete")
    until(lambda: "Secret gone" in tenant.condition("shop")["message"], "the missing object is named")
    tenant.put_secret("gone", {"values.yaml": "hostname: back\n"})
    until(lambda: settings(tenant)["url"] == "https://back", "it is there")

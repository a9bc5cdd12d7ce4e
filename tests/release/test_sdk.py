"""A chart with the vendor's SDK gets the license, and tells nobody."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from harness.charts import helm, pack_chart
from harness.licensed import Vendor
from kotsapp.license import License, load
from kotsapp.release.helm import HelmError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer

PRINT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: got}
data:
  own: {{ .Values | toJson | quote }}
  shared: {{ .Values.global.replicated | toJson | quote }}
"""
PLAIN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata:\n  all: {{ .Values | toJson | quote }}\n"


def chart(at: str) -> bytes:
    """The SDK itself, or a chart with it as a subchart that is called ``at``."""
    if not at:
        return pack_chart("replicated", {"templates/all.yaml": PRINT})
    dependencies = [{"name": "replicated", "version": "1.0.0", "repository": "", "alias": at}]
    top = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": dependencies}
    return pack_chart(
        "shop",
        {
            "Chart.yaml": yaml.safe_dump(top),
            "charts/replicated/Chart.yaml": "apiVersion: v2\nname: replicated\nversion: 1.0.0\n",
            "charts/replicated/templates/all.yaml": PRINT,
        },
    )


def rendered(packed: bytes, license: License, name: str, instance: str = "uid-1", **values: Any) -> Release:
    spec = {"chart": {"name": name, "chartVersion": "1.0.0"}, "values": values}
    document = {"apiVersion": "kots.io/v1beta2", "kind": "HelmChart", "metadata": {"name": "it"}, "spec": spec}
    files = [
        SourceFile("chart.yaml", "chart.yaml", json.dumps(document).encode()),
        SourceFile("it.tgz", "it.tgz", packed),
    ]
    renderer = Renderer(license, "pull", "apps", helm=str(helm()), instance=instance)
    return renderer.with_charts(renderer.read(files))


def printed(release: Release) -> tuple[dict[str, Any], dict[str, Any]]:
    data = release.objects[0]["data"]
    return json.loads(data["own"]), json.loads(data["shared"])


@pytest.mark.parametrize("at", ["", "replicated", "vendor"])
def test_the_sdk_gets_the_license_wherever_it_is(at: str, license: License) -> None:
    own, shared = printed(rendered(chart(at), license, "shop" if at else "replicated"))

    assert (own["license"], own["isAirgap"]) == (license.document, False)
    assert (own["appID"], own["replicatedID"]) == ("uid-1", "uid-1")
    assert yaml.safe_load(own["license"])["spec"]["licenseID"] == license.license_id
    assert (shared["licenseID"], shared["channelName"]) == (license.license_id, license.channel_name)
    assert "auths" in json.loads(base64.b64decode(shared["dockerconfigjson"]))
    field = shared["licenseFields"]["expires_at"]
    assert field.keys() == {"name", "title", "description", "valueType", "value", "signature"}
    assert field["value"] == license.entitlements["expires_at"].value
    assert field["signature"], "by which the SDK knows that the vendor said so"


def test_what_the_helm_chart_says_itself_wins(license: License) -> None:
    mine = {"global": {"replicated": {"channelName": "Mine"}}, "isAirgap": True}
    own, shared = printed(rendered(chart(""), license, "replicated", **mine))
    assert (own["isAirgap"], shared["channelName"]) == (True, "Mine")
    assert shared["licenseID"] == license.license_id


def test_a_chart_without_the_sdk_gets_nothing(license: License) -> None:
    release = rendered(pack_chart("shop", {"templates/all.yaml": PLAIN}), license, "shop")
    assert json.loads(release.objects[0]["data"]["all"]) == {}
    assert not release.holds_license


@pytest.mark.parametrize(
    "what", [".Values.license", ".Values.global.replicated.licenseID", ".Values.global.replicated.dockerconfigjson"]
)
def test_what_the_sdk_gets_is_in_no_message(what: str, license: License) -> None:
    fails = pack_chart("replicated", {"templates/all.yaml": "{{ fail (printf `no: %s` " + what + ") }}"})
    with pytest.raises(HelmError) as caught:
        rendered(fails, license, "replicated")
    reported = str(caught.value)
    assert license.license_id not in reported
    assert base64.b64encode(license.license_id.encode()).decode() not in reported
    assert not [line for line in license.document.splitlines() if len(line.strip()) > 20 and line.strip() in reported]


def test_another_license_is_another_release(license: License) -> None:
    release = rendered(chart(""), license, "replicated")
    assert release.holds_license
    facts = Renderer(license, "pull", "apps").license_facts(release)
    assert facts["document"]


@pytest.fixture(scope="module")
def license() -> License:
    vendor = Vendor()
    return load(vendor.license(customerEmail="ada@example.com"), vendor.trusted)

"""Charts and artifacts that are fetched from an OCI registry, by the operator's own workers on a fake cluster."""

import base64
import json
from typing import Any

import pytest

from harness.charts import pack_chart
from harness.cluster import NAMESPACE
from harness.inprocess import operating
from harness.licenses import LICENSE_ID, Signer
from harness.oci import CHART_LAYER, artifact, chart_of
from harness.oci_apps import PLACE, URL, chart, data, folder, put, put_object, rolled_out
from harness.oci_registry import OciRegistry
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until

pytestmark = pytest.mark.usefixtures("helm_on_path")


@in_virtual_time
async def test_a_chart_that_the_license_opens_is_installed_in_its_own_name(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    digest = registry.push(PLACE, "1.4.2", chart("1.4.2"))
    async with rolled_out(signer, oci_web, version="1.4.2") as operator:
        assert data(operator) == {"v": "1.4.2", "greeting": "none"}
        assert operator.status()["sources"] == [{"name": URL, "revision": f"1.4.2@{digest}"}]
        assert operator.status()["release"]["versionLabel"] == "1.4.2"
        assert operator.condition("SourcesReady")["message"] == f"{URL} 1.4.2@{digest} fetched"


@in_virtual_time
async def test_a_chart_with_the_vendors_sdk_gets_the_license(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: sdk}\nstringData:\n"
    text += "  of: {{ .Values.global.replicated.customerName }}\n  license: {{ .Values.license | toJson }}\n"
    packed = pack_chart("replicated", {"templates/a.yaml": text, "values.yaml": ""})
    registry.push(PLACE, "1.0.0", artifact([(CHART_LAYER, packed)]))
    async with rolled_out(signer, oci_web, tag="1.0.0") as operator:
        held = operator.api.live("Secret", "sdk", NAMESPACE)["data"]
        assert base64.b64decode(held["of"]) == b"Acme"
        assert LICENSE_ID in base64.b64decode(held["license"]).decode()
        assert LICENSE_ID not in json.dumps(operator.status())


@in_virtual_time
async def test_the_spec_says_how_a_chart_is_installed_and_later_values_win(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    async with operating(signer, web=oci_web) as operator:
        put_object(operator, "ConfigMap", "base", **{"values.yaml": "greeting: from the map\n"})
        put_object(operator, "Secret", "more", mine="greeting: from the secret\n")
        refs = [{"configMapRef": {"name": "base"}}, {"secretRef": {"name": "more", "key": "mine"}}]
        put(operator, {"releaseName": "shop", "valuesFrom": refs}, tag="1.0.0")
        await operator.until_ready()
        assert data(operator, "shop")["greeting"] == "from the secret"

        put_object(operator, "Secret", "more", mine="greeting: from the changed secret\n")
        await until(lambda: data(operator, "shop")["greeting"] == "from the changed secret")

        put(operator, {"releaseName": "shop", "valuesFrom": refs, "values": {"greeting": "own"}}, tag="1.0.0")
        await until(lambda: data(operator, "shop")["greeting"] == "own")


@in_virtual_time
async def test_values_that_are_missing_or_no_values_are_told_where_they_stand(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    async with operating(signer, web=oci_web) as operator:
        put(operator, {"valuesFrom": [{"secretRef": {"name": "more"}}]}, tag="1.0.0")
        await operator.until_reason("ManifestsNotFound")
        assert "Secret more with values of a chart does not exist in namespace apps" in operator.whole_message()
        put_object(operator, "Secret", "more", **{"values.yaml": "- my-secret-list"})
        await operator.until_reason("InvalidManifest")
        assert "Secret more, key values.yaml" in operator.whole_message()
        assert "my-secret-list" not in operator.whole_message()


@in_virtual_time
async def test_a_tag_that_moves_is_followed_within_the_interval(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "stable", folder("1"))
    async with rolled_out(signer, oci_web, tag="stable") as operator:
        assert data(operator) == {"v": "1"}
        registry.push(PLACE, "stable", folder("2"))
        await until(lambda: data(operator) == {"v": "2"})
        await operator.until_ready()
        assert operator.events().count("ReleaseFound") == 2


@in_virtual_time
async def test_another_tag_of_the_same_chart_is_told_and_renders_nothing_anew(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    async with rolled_out(signer, oci_web, tag="1.0.0") as operator:
        registry.tags[PLACE]["stable"] = registry.tags[PLACE]["1.0.0"]
        put(operator, tag="stable")
        await until(lambda: operator.status()["release"].get("versionLabel") == "stable")
        await operator.until_ready()
        assert operator.status()["release"]["revision"] == 1


@in_virtual_time
async def test_the_newest_version_of_a_range_is_followed(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    registry.push(PLACE, "2.0.0", chart("2.0.0"))
    async with rolled_out(signer, oci_web, version="1.x") as operator:
        assert data(operator)["v"] == "1.0.0"
        registry.push(PLACE, "1.1.0", chart("1.1.0"))
        registry.push(PLACE, "1.2.0-rc.1", chart("1.2.0-rc.1"))
        await until(lambda: data(operator)["v"] == "1.1.0")


@in_virtual_time
@pytest.mark.parametrize("trouble", ["down", "503", "401", "gone"])
async def test_trouble_changes_nothing_and_is_told(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry, trouble: str
) -> None:
    registry.push(PLACE, "stable", folder("1"))
    async with rolled_out(signer, oci_web, tag="stable") as operator:
        registry.down, registry.status = trouble == "down", 503 if trouble == "503" else 0
        registry.opened_by[PLACE] = "another" if trouble == "401" else registry.opened_by[PLACE]
        if trouble == "gone":
            registry.tags.clear()
        operator.api.audit.clear()
        await quiet(3000)
        reported = operator.condition("SourcesReady")
        assert (reported["status"], reported["reason"]) == ("False", "SourceUnavailable")
        assert f"Meanwhile {URL} stable@sha256:" in reported["message"]
        assert LICENSE_ID not in json.dumps(operator.status())
        assert operator.ready()[0] == "True"
        assert data(operator) == {"v": "1"}
        assert [write for write in operator.api.writes() if "ConfigMap" in write] == []
        registry.down, registry.status, registry.opened_by[PLACE] = False, 0, LICENSE_ID
        registry.push(PLACE, "stable", folder("2"))
        await until(lambda: data(operator) == {"v": "2"})
        await until(lambda: operator.condition("SourcesReady")["status"] == "True")


@in_virtual_time
@pytest.mark.parametrize(
    "asked", [{"version": "1.4.2"}, {"version": "2.x"}, {"tag": "beta"}, {"digest": f"sha256:{'0' * 64}"}]
)
@pytest.mark.parametrize("down", [False, True])
async def test_another_version_that_can_not_be_had_leaves_what_runs_and_is_not_ready(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry, asked: dict[str, Any], down: bool
) -> None:
    registry.push(PLACE, "1.0.0", folder("1"))
    async with rolled_out(signer, oci_web, version="1.0.0") as operator:
        registry.down = down
        put(operator, **asked)
        await operator.until_reason("SourceUnavailable")
        named = next(iter(asked.values()))
        assert operator.whole_message().startswith(f"{URL} {named} can't be had: ")
        assert f"What runs is left alone, with {URL} 1.0.0@sha256:" in operator.whole_message()
        assert operator.condition("Reconciling" if down else "Stalled")["status"] == "True"
        assert operator.status()["release"]["versionLabel"] == "1.0.0"
        assert data(operator) == {"v": "1"}
        put(operator, version="1.x")  # which is what is kept
        await operator.until_ready()
        assert operator.condition("SourcesReady")["status"] == ("False" if down else "True")


@in_virtual_time
async def test_values_that_change_while_the_registry_is_down_are_put_into_the_chart_that_is_kept(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    async with rolled_out(signer, oci_web, {"values": {"greeting": "old"}}, version="1.x") as operator:
        registry.down = True
        put(operator, {"values": {"greeting": "new"}}, version="1.x")
        await until(lambda: data(operator)["greeting"] == "new")
        await operator.until_ready()
        assert operator.condition("SourcesReady")["status"] == "False"
        # With another version they are for that one, and not for the one that runs.
        put(operator, {"values": {"greeting": "newer"}}, version="2.x")
        await operator.until_reason("SourceUnavailable")
        await quiet(600)
        assert data(operator)["greeting"] == "new"


@in_virtual_time
async def test_a_restart_while_the_registry_is_down_changes_nothing(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", chart("1.0.0"))
    async with rolled_out(signer, oci_web, version="1.x") as operator:
        pass
    registry.down = True
    async with operating(signer, operator.api, web=oci_web) as again:
        await until(lambda: again.condition("SourcesReady").get("status") == "False")
        await quiet(3600)
        assert again.ready()[0] == "True"
        assert data(again)["v"] == "1.0.0"


@in_virtual_time
async def test_a_chart_in_a_config_map_is_installed_as_the_spec_says(signer: Signer) -> None:
    async with operating(signer) as operator:
        packed = base64.b64encode(chart_of("1.0.0", {"v": "1"})).decode()
        named = {"name": "charts", "namespace": NAMESPACE}
        operator.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "binaryData": {"a.tgz": packed}})
        source = {"configMapRef": {"name": "charts", "key": "a.tgz"}}
        operator.put_app(manifests=[source])
        await operator.until_reason("InvalidManifest")
        assert "or say how it is installed (chart, beside the source)" in operator.whole_message()
        operator.put_app(manifests=[{**source, "chart": {"releaseName": "shop", "values": {"greeting": "hi"}}}])
        await operator.until_ready()
        assert data(operator, "shop") == {"v": "1", "greeting": "hi"}


@in_virtual_time
async def test_an_index_without_the_facts_of_an_artifact_is_used_while_its_registry_is_down(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "1.0.0", folder("1.0.0"))
    async with rolled_out(signer, oci_web, version="1.x") as operator:
        api = operator.api
    index = json.loads(base64.b64decode(api.live("Secret", "my-app.sources", NAMESPACE)["data"]["index"]))
    index["sources"][URL]["facts"] = {}
    changed = base64.b64encode(json.dumps(index).encode()).decode()
    api.change("Secret", "my-app.sources", {"data": {"index": changed}}, NAMESPACE)

    registry.down = True
    async with operating(signer, api, web=oci_web) as operator:
        await until(lambda: "is used on" in operator.condition("SourcesReady").get("message", ""))
        await quiet()
        assert operator.ready()[0] == "True"

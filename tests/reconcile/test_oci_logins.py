"""Which registries see the license, and which a login, when an app's artifacts are fetched."""

import base64
import json

import pytest

from harness.inprocess import Operator, operating
from harness.licenses import LICENSE_ID, Signer
from harness.oci_apps import OWN, PASSWORD, PLACE, URL, chart, folder, put, put_object, rolled_out
from harness.oci_registry import OciRegistry
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from localworld.release_channel import Customer

pytestmark = pytest.mark.usefixtures("helm_on_path")


def put_login(operator: Operator, password: str) -> None:
    auth = base64.b64encode(f"me:{password}".encode()).decode()
    put_object(operator, "Secret", "login", **{".dockerconfigjson": json.dumps({"auths": {"ghcr.io": {"auth": auth}}})})


@in_virtual_time
async def test_the_license_goes_to_its_own_hosts_alone_and_a_login_elsewhere(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(OWN, "1.0.0", chart("1.0.0"))
    async with operating(signer, web=oci_web) as operator:
        put(operator, url=f"oci://{OWN}", version="1.0.0", secretRef={"name": "login"})
        await operator.until_reason("SourceUnavailable")
        assert "there is no Secret login with key .dockerconfigjson in namespace apps" in operator.whole_message()
        assert operator.whole_message().count(f"oci://{OWN}: ") == 1, "what it is about is said once"
        assert operator.events().count("SourceUnavailable") == 1
        put_login(operator, "another-password")
        await until(lambda: "refuses the login of the Secret in secretRef; renew it" in operator.whole_message())
        put_login(operator, PASSWORD)  # looked at again at once
        await operator.until_ready()
        assert {password for _, _, password in registry.asked} == {"another-password", PASSWORD}
        put(operator, url=f"oci://{OWN}", version="1.0.0")
        await quiet(600)
        assert registry.asked[-1][2] == ""


@in_virtual_time
async def test_a_domain_that_spec_proxy_names_sees_the_license_and_one_that_a_release_names_does_not(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    application = "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: a}\n"
    application += "spec: {replicatedRegistryDomain: evil.example.com, proxyRegistryDomain: evil.example.com}\n"
    for host in ("evil.example.com", "images.acme.com"):
        registry.push(f"{host}/shop", "1", folder("1"))
    async with operating(signer, web=oci_web) as operator:
        items = [{"inline": application}, {"ociRef": {"url": "oci://evil.example.com/shop", "tag": "1"}}]
        operator.put_app(manifests=items)
        await operator.until_ready()
        assert {password for _, host, password in registry.asked if host == "evil.example.com"} == {""}
        items = [{"ociRef": {"url": "oci://images.acme.com/shop", "tag": "1"}}]
        operator.put_app(manifests=items, proxy={"registryDomain": "images.acme.com"})
        await until(lambda: any(host == "images.acme.com" for _, host, _ in registry.asked))
        assert {password for _, host, password in registry.asked if host == "images.acme.com"} == {LICENSE_ID}
        await until(lambda: "images.acme.com" in operator.status()["license"]["hosts"])
        put(operator, tag="stable")  # the vendor's own registry, in whose place spec.proxy names none any more
        registry.push(PLACE, "stable", folder("1"))
        vendors = ["proxy.replicated.com", "registry.replicated.com"]
        await until(lambda: operator.status()["license"]["hosts"] == vendors)


@in_virtual_time
async def test_a_domain_that_the_signed_endpoint_says_of_the_channels_release_sees_the_license(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    oci_web.vendor.registry_domain = "registry.acme.com"
    oci_web.vendor.customers[LICENSE_ID] = Customer(signer.sign(), 3, "")
    oci_web.vendor.publish("1.0.0", {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
    registry.push("registry.acme.com/shop", "1", folder("1"))
    async with operating(signer, web=oci_web) as operator:
        items = [{"ociRef": {"url": "oci://registry.acme.com/shop", "tag": "1"}}, {"channelRelease": {}}]
        operator.put_app(manifests=items)
        await operator.until_ready()
        assert {password for _, _, password in registry.asked} == {LICENSE_ID}
        assert "registry.acme.com" in operator.status()["license"]["hosts"]


@in_virtual_time
async def test_two_tenants_never_share_what_was_fetched(
    signer: Signer, oci_web: VendorWeb, registry: OciRegistry
) -> None:
    registry.push(PLACE, "stable", folder("1"))
    async with rolled_out(signer, oci_web, tag="stable") as operator:
        operator.put_license("other-license", licenseID="another-license-id-of-acme")
        operator.put_app(
            name="second",
            license={"secretRef": {"name": "other-license"}},
            manifests=[{"ociRef": {"url": URL, "tag": "stable"}}],
            pullSecret={"name": "second"},
        )
        await operator.until_reason("SourceUnavailable", "second")
        assert "it refuses the license; ask the vendor" in operator.whole_message("second")
        assert operator.ready()[0] == "True"

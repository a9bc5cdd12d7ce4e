"""Where the license id is sent is told, and a Warning where nobody signed that it may be sent there."""

import json
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, obj
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time
from kotsapp.names import KIND

SIGNED, OTHER = "images.vendor.invalid", "images.other.invalid"
REGISTRY = "registry.replicated.com"


def application(**spec: Any) -> dict[str, Any]:
    return obj("Application", "shop", api_version="kots.io/v1beta1", spec={"title": "Shop", **spec})


def hosts(operator: Operator) -> list[str]:
    found: list[str] = operator.status()["license"]["hosts"]
    return found


def warnings(operator: Operator) -> list[str]:
    return [e["message"] for e in operator.api.all("Event", NAMESPACE) if e["reason"] == "LicenseDomainOverridden"]


def reported(operator: Operator) -> str:
    return next(c["message"] for c in operator.status()["conditions"] if c["type"] == "LicenseValid")


@in_virtual_time
async def test_the_vendors_own_hosts_are_told_and_no_news(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_license(replicatedProxyDomain=SIGNED)
        operator.put_app(config_map(a="1"))
        await operator.until_ready()

        assert hosts(operator) == [SIGNED, REGISTRY]
        assert not {"LicenseHosts", "LicenseDomainOverridden"} & set(operator.events())
        assert operator.status()["license"]["appSlug"]


@in_virtual_time
async def test_a_host_that_the_release_alone_names_is_told_once(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"), application(replicatedRegistryDomain=OTHER))
        await operator.until_ready()
        operator.put_app(config_map(a="2"), application(replicatedRegistryDomain=OTHER))
        await operator.until_ready()

        assert hosts(operator) == [OTHER, "proxy.replicated.com"]
        assert operator.events().count("LicenseHosts") == 1
        assert warnings(operator) == []


@in_virtual_time
async def test_an_unsigned_document_in_place_of_the_signed_domain_is_a_warning(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_license(replicatedProxyDomain=SIGNED)
        operator.put_app(config_map(a="1"), application(proxyRegistryDomain=OTHER))
        await operator.until_ready()

        assert hosts(operator) == [OTHER, REGISTRY]
        [warning] = warnings(operator)
        for part in (OTHER, SIGNED, "spec.proxy.domain"):
            assert part in warning
        assert warning in reported(operator)
        operator.put_app(config_map(a="2"), application(proxyRegistryDomain=OTHER))
        await operator.until_ready()
        assert len(warnings(operator)) == 1

        operator.put_app(config_map(a="2"), application(proxyRegistryDomain=OTHER), proxy={"domain": SIGNED})
        await operator.until_ready()
        assert OTHER not in reported(operator)
        assert hosts(operator) == [SIGNED, REGISTRY]


@in_virtual_time
async def test_the_same_domain_from_both_is_no_override(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_license(replicatedProxyDomain=SIGNED)
        operator.put_app(config_map(a="1"), application(proxyRegistryDomain=SIGNED))
        await operator.until_ready()

        assert warnings(operator) == []
        assert "LicenseHosts" not in operator.events()


@in_virtual_time
async def test_a_license_for_another_app_is_a_warning_that_says_so(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_license(appSlug="another-app")
        await operator.until_ready()

        [event] = [e for e in operator.api.all("Event", NAMESPACE) if e["reason"] == "LicenseChanged"]
        assert event["type"] == "Warning"
        assert "for another application" in event["message"]
        assert "another-app" in event["message"]


@in_virtual_time
async def test_a_key_that_nobody_trusts_comes_with_the_command_that_trusts_it(
    signer: Signer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Signer.make(tmp_path_factory.mktemp("others"))
    async with operating(signer) as operator:
        document = stranger.sign().decode()
        operator.api.put({**obj("Secret", "my-license"), "stringData": {"license.yaml": document}})
        operator.put_app(config_map(a="1"))

        await operator.until_reason("LicenseKeyUnknown")
        [key_id] = [file.stem for file in stranger.folder.glob("*.pem")]
        command = f"--set-file trustedKeys.{key_id}={key_id}.pem"
        assert operator.message().endswith(command)
        assert "--trusted-keys" in operator.whole_message()
        assert json.dumps(operator.api.live(KIND, "my-app", NAMESPACE)["status"]).count("helm upgrade") >= 2

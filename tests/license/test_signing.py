"""Signing with one's own keys makes licenses that count as the vendor's do, wherever those keys are trusted."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from harness.licensed import LICENSE_ID, V1BETA1, V1BETA2, VERSIONS, Vendor, license_document, read, write
from kotsapp.license import EntitlementCheck, LicenseError, TrustedKeys, load
from kotsapp.license.signing import SigningKeys, sign

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30) | st.sampled_from(
    ["1e3", "yes", "null", "~", "12", "0o17", "2026-01-01", "22:22", "true", "1.50", "- x", "# x", "", "*a", "0x1"]
)
values = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans()


@pytest.mark.parametrize("version", VERSIONS)
@given(customer=texts, entitlement=values)
@settings(max_examples=examples(60))
def test_what_was_signed_is_what_is_read(vendor: Vendor, version: str, customer: str, entitlement: Any) -> None:
    license = load(
        vendor.license(version, customerName=customer, entitlements={"x": {"value": entitlement}}), vendor.trusted
    )
    assert license.customer_name == customer
    assert license.entitlements["x"].value == entitlement
    assert type(license.entitlements["x"].value) is type(entitlement)
    assert license.entitlements["x"].check is EntitlementCheck.VALID
    assert license.differences == ()


def test_a_signed_license_can_be_signed_again_by_somebody_else(vendor: Vendor, stranger: Vendor) -> None:
    again = sign(vendor.license(), stranger.keys)
    assert load(again, stranger.trusted).key_id == stranger.keys.key_id
    assert read(again)["spec"].keys() == read(vendor.license())["spec"].keys()


def test_a_license_in_the_past_is_genuine_and_expired(vendor: Vendor) -> None:
    signed = vendor.license(entitlements={"expires_at": {"value": "2020-01-01T00:00:00Z"}})
    license = load(signed, vendor.trusted)
    assert license.expires_at is not None
    assert license.expired(license.expires_at)


def test_the_keys_of_a_version_sign_the_fields_of_that_version(vendor: Vendor) -> None:
    one, two = (read(vendor.license(version))["spec"]["entitlements"]["seats"] for version in (V1BETA1, V1BETA2))
    assert list(one["signature"]) == ["v1"]
    assert list(two["signature"]) == ["v2"]


def test_keys_come_back_from_their_pem(vendor: Vendor) -> None:
    keys = SigningKeys.from_pem(*vendor.keys.private_pems())
    assert keys.key_id == vendor.keys.key_id
    assert load(sign(write(license_document()), keys), vendor.trusted).license_id == LICENSE_ID


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_private_key_is_refused(vendor: Vendor, which: int, pem: bytes) -> None:
    pems = list(vendor.keys.private_pems())
    pems[which] = pem
    name = ("the global key", "the application's key")[which]
    with pytest.raises(ValueError, match=f"^{name} is not an unencrypted PEM private key$"):
        SigningKeys.from_pem(*pems)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"apiVersion": V1BETA2, "kind": "Config"}, "expected a License"),
        ({"apiVersion": "v1", "kind": "License"}, "expected a License"),
        ({"apiVersion": V1BETA2, "kind": "License"}, "spec is missing"),
        (license_document(licenseID=None), "spec.licenseID is missing"),
        (license_document(appSlug="No Slug"), "spec.appSlug"),
        (license_document(entitlements={"x": 1}), "spec.entitlements.x is not a mapping"),
        (license_document(entitlements={"x": {"value": [1]}}), "must be one value"),
    ],
)
def test_what_would_not_count_is_not_signed(vendor: Vendor, document: dict[str, Any], problem: str) -> None:
    with pytest.raises(LicenseError, match=problem):
        sign(write(document), vendor.keys)


def test_no_representation_shows_a_private_key(vendor: Vendor) -> None:
    assert repr(vendor.keys) == "SigningKeys()"


def test_every_reader_of_yaml_reads_the_same_license(vendor: Vendor) -> None:
    """The signed document is plain YAML 1.1 too: what PyYAML reads is what was signed."""
    signed = vendor.license(customerName="1e3", channelName="22:22", licenseType="yes")
    spec = yaml.safe_load(signed)["spec"]
    license = load(signed, vendor.trusted)
    assert (spec["customerName"], spec["channelName"], spec["licenseType"]) == ("1e3", "22:22", "yes")
    assert (license.customer_name, license.channel_name, license.license_type) == ("1e3", "22:22", "yes")
    assert TrustedKeys.load().find(vendor.keys.key_id) is None

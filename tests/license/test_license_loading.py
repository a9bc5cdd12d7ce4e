"""What a genuine license says, and that the signed values win over the document around them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from harness.licensed import LICENSE_ID, V1BETA1, V1BETA2, VERSIONS, Envelope, Vendor, edited, license_document, write
from kotsapp.license import EntitlementCheck, LicenseError, LicenseReason, Policy, load
from kotsapp.license.signature import SCHEMES, Scheme, verifies

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_genuine_license_says_what_was_signed(vendor: Vendor, version: str) -> None:
    expiry = {"title": "Expiration", "value": "2027-01-31T12:00:00+01:00", "valueType": "String"}
    document = license_document()["spec"]["entitlements"] | {"expires_at": expiry}
    license = load(vendor.license(version, entitlements=document), vendor.trusted)

    assert (license.version, license.app_slug, license.license_id) == (version, "my-kots-app", LICENSE_ID)
    assert (license.customer_name, license.channel_name, license.license_type) == ("Ada & Söhne", "Stable", "prod")
    assert license.license_sequence == 7
    assert license.expires_at == datetime(2027, 1, 31, 11, tzinfo=UTC)
    assert not license.expired(NOW)
    assert license.verified
    assert license.key_id == vendor.keys.key_id
    assert license.differences == license.warnings == ()
    assert {name: entry.text for name, entry in license.entitlements.items()} == {
        "expires_at": "2027-01-31T12:00:00+01:00",
        "seats": "25",
        "sso": "true",
        "region": "<nil>",
    }
    assert {entry.check for entry in license.entitlements.values()} == {EntitlementCheck.VALID}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.version)
@pytest.mark.parametrize("salt_length", [0, 16, 32, 190])
def test_a_signature_may_have_any_salt_length(vendor: Vendor, scheme: Scheme, salt_length: int) -> None:
    pss = padding.PSS(padding.MGF1(scheme.algorithm), salt_length)
    signature = vendor.keys.app_key.sign(b"25", pss, scheme.algorithm)
    key = vendor.keys.app_key.public_key()
    assert verifies(key, signature, b"25", scheme)
    assert not verifies(key, signature, b"26", scheme)
    assert not any(verifies(key, signature, b"25", other) for other in SCHEMES.values() if other != scheme)


def test_entitlements_can_not_be_changed_by_their_reader(vendor: Vendor) -> None:
    license = load(vendor.license(), vendor.trusted)
    with pytest.raises(TypeError):
        license.entitlements["seats"] = license.entitlements["sso"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("field", "value", "paths"),
    [
        ("appSlug", "somebody-else", ("spec.appSlug",)),
        ("licenseID", "another", ("spec.licenseID",)),
        ("licenseSequence", 8, ("spec.licenseSequence",)),
        ("customerName", None, ("spec.customerName",)),
        ("isAirgapSupported", True, ("spec.isAirgapSupported",)),
        ("isAirgapSupported", False, ()),
        ("channels", [{"channelName": "Beta"}], ("spec.channels",)),
        ("entitlements", {"seats": None}, ("spec.entitlements.expires_at", "spec.entitlements.region")),
    ],
)
def test_the_signed_value_wins_and_the_field_is_named(
    vendor: Vendor, field: str, value: Any, paths: tuple[str, ...]
) -> None:
    signed = vendor.license()
    license = load(edited(signed, lambda spec: spec.update({field: value})), vendor.trusted)

    genuine = load(signed, vendor.trusted)
    assert license.differences[: len(paths)] == paths
    assert bool(license.differences) is bool(paths)
    assert license.license_id == genuine.license_id
    assert (license.app_slug, license.license_sequence) == (genuine.app_slug, genuine.license_sequence)
    assert (license.customer_name, license.entitlements) == (genuine.customer_name, genuine.entitlements)


def test_many_differences_are_cut_short(vendor: Vendor) -> None:
    extra = {f"field{number}": 1 for number in range(100)}
    license = load(edited(vendor.license(), lambda spec: spec.update(extra)), vendor.trusted)
    assert len(license.differences) == 20


@pytest.mark.parametrize("written", ["1.232435e+06", "1232435", "1232435.0", "+1232435"])
def test_a_number_that_some_tool_rewrote_is_the_same_number(vendor: Vendor, written: str) -> None:
    signed = vendor.license(entitlements={"seats": {"value": 1232435}})
    rewritten = signed.replace(b"value: 1232435", f"value: {written}".encode())
    license = load(rewritten, vendor.trusted)
    assert license.entitlements["seats"].value == 1232435
    assert license.differences == ()


def test_a_timestamp_without_quotes_stays_the_text_that_was_signed(vendor: Vendor) -> None:
    signed = vendor.license(entitlements={"expires_at": {"value": "2026-06-01T00:00:00Z"}})
    unquoted = signed.replace(b'"2026-06-01T00:00:00Z"', b"2026-06-01T00:00:00Z")
    assert unquoted != signed
    license = load(unquoted, vendor.trusted)
    assert license.entitlements["expires_at"].text == "2026-06-01T00:00:00Z"
    assert license.differences == ()


def test_an_empty_value_where_none_was_signed_is_no_forgery(vendor: Vendor) -> None:
    signed = vendor.license(V1BETA1)
    written = edited(signed, lambda spec: spec["entitlements"]["region"].update(value=""))
    license = load(written, vendor.trusted)
    assert license.entitlements["region"].text == "<nil>"
    assert license.differences == ()


def test_an_old_license_without_entitlement_signatures_counts_by_its_own_signature(vendor: Vendor) -> None:
    license = load(_without_entitlement_signatures(vendor, V1BETA1), vendor.trusted)
    assert license.entitlements["seats"].value == 25
    assert {entry.check for entry in license.entitlements.values()} == {EntitlementCheck.UNSIGNED}


def test_a_v1beta2_license_must_have_entitlement_signatures(vendor: Vendor) -> None:
    with pytest.raises(LicenseError) as caught:
        load(_without_entitlement_signatures(vendor, V1BETA2), vendor.trusted)
    assert caught.value.reason is LicenseReason.ENTITLEMENT_INVALID


def _without_entitlement_signatures(vendor: Vendor, version: str) -> bytes:
    """Signed as a whole by the vendor, its entitlements not."""
    document = license_document(version)
    envelope = Envelope(vendor.license(version))
    envelope.sign_data(document, vendor)
    envelope.document["spec"]["entitlements"] = document["spec"]["entitlements"]
    return envelope.pack()


@pytest.mark.parametrize(
    ("spec", "domain"),
    [
        ({}, None),
        ({"replicatedProxyDomain": "images.example.com"}, "images.example.com"),
        ({"replicatedProxyDomain": "127.0.0.1:5001"}, "127.0.0.1:5001"),
        (
            {
                "replicatedProxyDomain": "images.example.com",
                "channels": [{"channelID": "chan-1", "replicatedProxyDomain": "channel.example.com"}],
            },
            "images.example.com",
        ),
        (
            {
                "channels": [
                    {"channelID": "chan-0", "isDefault": True, "replicatedProxyDomain": "default.example.com"},
                    {"channelID": "chan-1", "replicatedProxyDomain": "channel.example.com"},
                ]
            },
            "channel.example.com",
        ),
        (
            {"channels": [{"channelID": "chan-0", "isDefault": True, "replicatedProxyDomain": "default.example.com"}]},
            "default.example.com",
        ),
        ({"channels": [{"channelID": "chan-1"}]}, None),
    ],
)
def test_the_proxy_domain_is_the_licenses_own_else_its_channels(
    vendor: Vendor, spec: dict[str, Any], domain: str | None
) -> None:
    assert load(vendor.license(**spec), vendor.trusted).proxy_domain == domain


class TestWarn:
    """Under Warn a license that can't be trusted is used, and says why it should not be."""

    @pytest.mark.parametrize("version", VERSIONS)
    def test_an_unsigned_license_is_used_with_a_warning(self, vendor: Vendor, version: str) -> None:
        license = load(write(license_document(version)), vendor.trusted, Policy.WARN)
        assert (license.app_slug, license.license_id) == ("my-kots-app", LICENSE_ID)
        assert (license.verified, license.key_id) == (False, None)
        assert [warning.partition(":")[0] for warning in license.warnings] == [LicenseReason.UNSIGNED]
        assert {entry.check for entry in license.entitlements.values()} == {EntitlementCheck.UNCHECKED}

    def test_what_a_stranger_signed_is_used_with_a_warning(self, vendor: Vendor, stranger: Vendor) -> None:
        license = load(stranger.license(), vendor.trusted, Policy.WARN)
        assert [warning.partition(":")[0] for warning in license.warnings] == [LicenseReason.KEY_UNKNOWN]

    def test_an_edited_entitlement_keeps_its_signed_value(self, vendor: Vendor) -> None:
        written = edited(vendor.license(), lambda spec: spec["entitlements"]["seats"].update(value=9999))
        license = load(written, vendor.trusted, Policy.WARN)
        assert license.entitlements["seats"].value == 25
        assert license.entitlements["seats"].check is EntitlementCheck.INVALID
        assert license.entitlements["sso"].check is EntitlementCheck.VALID
        assert "seats" in license.warnings[0]
        assert license.differences == ("spec.entitlements.seats.value",)

    def test_a_genuine_license_has_no_warning(self, vendor: Vendor) -> None:
        license = load(vendor.license(), vendor.trusted, Policy.WARN)
        assert (license.verified, license.warnings) == (True, ())

    def test_a_document_that_is_of_no_use_is_refused_all_the_same(self, vendor: Vendor) -> None:
        with pytest.raises(LicenseError, match=r"spec\.licenseID is missing"):
            load(write(license_document(licenseID=None)), vendor.trusted, Policy.WARN)


def test_further_facts_are_texts_whatever_the_document_holds(vendor: Vendor) -> None:
    found = {"channelID": "c-1", "endpoint": "https://updates.example.com", "isSnapshotSupported": True}
    settings = load(vendor.license(**found), vendor.trusted).settings
    assert (settings["channelID"], settings["endpoint"]) == ("c-1", "https://updates.example.com")
    assert (settings["isSnapshotSupported"], settings["isAirgapSupported"]) == ("true", "false")
    odd = load(vendor.license(channelID=[1], endpoint="a\nb", isSnapshotSupported="yes"), vendor.trusted).settings
    assert (odd["channelID"], odd["endpoint"]) == ("", "https://replicated.app")
    assert odd["isSnapshotSupported"] == "false"

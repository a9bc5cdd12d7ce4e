"""Everything that is wrong with a license has one clear reason, and none of it gets through."""

import base64
import re

import pytest

from harness.bad_licenses import (
    Bad,
    changed,
    literally,
    of_another_license,
    of_the_other_version,
    refusal,
    repacked,
    signed_as,
    signed_by_the_vendor_untouched,
    with_a_strangers_application_key,
    with_a_strangers_key_under_the_vendors_name,
)
from harness.licensed import LICENSE_ID, V1BETA1, V1BETA2, VERSIONS, Vendor
from kotsapp.license import SAFE_VERSIONS, LicenseError, LicenseReason, Policy, load


def test_a_version_that_is_not_taken_is_refused_however_genuine_it_is(vendor: Vendor) -> None:
    with pytest.raises(
        LicenseError, match=r"of kots\.io/v1beta1, which is not taken .* one of kots\.io/v1beta2"
    ) as caught:
        load(vendor.license(V1BETA1), vendor.trusted, Policy.WARN, SAFE_VERSIONS)

    assert caught.value.reason is LicenseReason.VERSION_REFUSED
    assert load(vendor.license(V1BETA2), vendor.trusted, versions=SAFE_VERSIONS).verified


BAD: dict[str, tuple[Bad, str, str]] = {
    "nothing": (literally(""), "LicenseInvalid", "empty"),
    "comments alone": (literally("# a license\n---\n"), "LicenseInvalid", "empty"),
    "not YAML": (literally("spec: [1, 2\n"), "LicenseInvalid", r"not YAML at line 2, column 1: did not find expected"),
    "a tab": (literally("spec:\n\tappSlug: x"), "LicenseInvalid", r"not YAML at line 2"),
    "bytes": (literally(b"\xff\xfe\x00license"), "LicenseInvalid", "not UTF-8"),
    "a control character": (literally("spec: \x07"), "LicenseInvalid", "not YAML"),
    "a text": (literally("license"), "LicenseInvalid", "not a mapping"),
    "a list": (literally("- kind: License"), "LicenseInvalid", "not a mapping"),
    "two documents": (literally("a: 1\n---\nb: 2"), "LicenseInvalid", "2 YAML documents"),
    "a key twice": (
        literally("kind: License\nkind: License"),
        "LicenseInvalid",
        r"'kind' stands there twice at line 2",
    ),
    "a list as key": (literally("[a]: b"), "LicenseInvalid", "a key is not text"),
    "an alias": (literally("a: &x [1]\nb: *x"), "LicenseInvalid", "anchor or tag"),
    "an alias bomb": (
        literally("a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(50))),
        "LicenseInvalid",
        "anchor or tag",
    ),
    "a Python object": (literally("a: !!python/object/apply:os.system [id]"), "LicenseInvalid", "anchor or tag"),
    "10 MiB of nesting": (literally("[" * (10 * 1024 * 1024)), "LicenseInvalid", "larger than 1024 KiB"),
    "1 MiB of nesting": (literally("[" * (1024 * 1024)), "LicenseInvalid", "deeper than 32"),
    "1 MiB of nested mappings": (literally("{a: " * (200 * 1024)), "LicenseInvalid", "deeper than 32"),
    "nesting by indentation": (
        literally("".join(f"{' ' * i}a:\n" for i in range(1000))),
        "LicenseInvalid",
        "deeper than 32",
    ),
    "no kind": (literally("apiVersion: kots.io/v1beta2\nspec: {}"), "LicenseInvalid", "has no kind"),
    "another kind": (
        literally("apiVersion: kots.io/v1beta1\nkind: Application"),
        "LicenseInvalid",
        "not a License: it has kind 'Application'",
    ),
    "another version": (
        literally("apiVersion: kots.io/v1beta3\nkind: License\nspec: {}"),
        "LicenseInvalid",
        r"apiVersion 'kots.io/v1beta3'; expected kots.io/v1beta1 or kots.io/v1beta2",
    ),
    "no version": (literally("kind: License\nspec: {}"), "LicenseInvalid", "no apiVersion"),
    "no spec": (literally("apiVersion: kots.io/v1beta1\nkind: License"), "LicenseInvalid", "spec is missing"),
    "a spec that is text": (
        literally("apiVersion: kots.io/v1beta1\nkind: License\nspec: x"),
        "LicenseInvalid",
        "spec is not a mapping",
    ),
    "no signature": (changed(lambda spec: spec.pop("signature")), "LicenseUnsigned", "spec.signature is missing"),
    "an empty signature": (changed(lambda spec: spec.update(signature="")), "LicenseUnsigned", "missing"),
    "a signature that is a list": (
        changed(lambda spec: spec.update(signature=["x"])),
        "LicenseSignatureMalformed",
        "not text",
    ),
    "a signature that is no base64": (
        changed(lambda spec: spec.update(signature="%%%")),
        "LicenseSignatureMalformed",
        "spec.signature: it is not base64",
    ),
    "base64 with spare bits": (
        changed(lambda spec: spec.update(signature="e31=")),
        "LicenseSignatureMalformed",
        "not canonical base64",
    ),
    "a signature that is no JSON": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b"nothing").decode())),
        "LicenseSignatureMalformed",
        "spec.signature: it is not JSON",
    ),
    "a signature that is no JSON object": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b"[]").decode())),
        "LicenseSignatureMalformed",
        "not a JSON object",
    ),
    "a signature of nested JSON": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b"[" * 500_000).decode())),
        "LicenseSignatureMalformed",
        "deeper than 32",
    ),
    "a signature without its data": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b"{}").decode())),
        "LicenseSignatureMalformed",
        "innerSignature: it is missing",
    ),
    "a signature with white space in it": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b"{}\n").decode())),
        "LicenseSignatureMalformed",
        "white space around its JSON",
    ),
    "NaN": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b'{"licenseData": NaN}').decode())),
        "LicenseSignatureMalformed",
        "no JSON number",
    ),
    "a JSON key twice": (
        changed(lambda spec: spec.update(signature=base64.b64encode(b'{"a":1,"a":2}').decode())),
        "LicenseSignatureMalformed",
        "a key twice",
    ),
    "no public key": (
        repacked(lambda envelope: envelope.inner.pop("publicKey")),
        "LicenseSignatureMalformed",
        "publicKey: it is missing",
    ),
    "a public key that is a number": (
        repacked(lambda envelope: envelope.inner.update(publicKey=5)),
        "LicenseSignatureMalformed",
        "publicKey: it is not text",
    ),
    "no key signature": (
        repacked(lambda envelope: envelope.inner.pop(envelope.key_field)),
        "LicenseSignatureMalformed",
        "eySignature: it is missing",
    ),
    "a key signature that is no base64": (
        repacked(lambda envelope: envelope.key_signature.update(signature="a-b_")),
        "LicenseSignatureMalformed",
        "signature: it is not base64",
    ),
    "no license signature": (
        repacked(lambda envelope: [envelope.inner.pop(name) for name in list(envelope.inner) if "icenseS" in name]),
        "LicenseSignatureMalformed",
        "icenseSignature: it is missing",
    ),
    "an unknown key": (lambda _, stranger, version: stranger.license(version), "LicenseKeyUnknown", "untrusted key"),
    "a stranger's key under the vendor's name": (
        with_a_strangers_key_under_the_vendors_name,
        "LicenseSignatureInvalid",
        "did not sign the application's key",
    ),
    "a stranger's application key": (
        with_a_strangers_application_key,
        "LicenseSignatureInvalid",
        "did not sign the application's key",
    ),
    "the data of another license": (of_another_license, "LicenseSignatureInvalid", "did not sign the license's data"),
    "an empty license signature": (
        repacked(lambda envelope: envelope.key_signature.update(signature=base64.b64encode(b"\0").decode())),
        "LicenseSignatureInvalid",
        "did not sign",
    ),
    "signed as the other version": (of_the_other_version, "LicenseSignatureMalformed", "eySignature: it is missing"),
    "signed data of the other version": (
        signed_by_the_vendor_untouched(lambda document: document.update(apiVersion="kots.io/v1")),
        "LicenseSignatureInvalid",
        "the signed data is not a License of kots.io/v1beta",
    ),
    "signed data of another kind": (
        signed_by_the_vendor_untouched(lambda document: document.update(kind="Config")),
        "LicenseSignatureInvalid",
        "the signed data is not a License",
    ),
    "an edited entitlement": (
        changed(lambda spec: spec["entitlements"]["seats"].update(value=2500)),
        "LicenseEntitlementInvalid",
        "'seats' has a value that its signature does not fit",
    ),
    "an edited expiry": (
        changed(lambda spec: spec["entitlements"]["expires_at"].update(value="2099-01-01T00:00:00Z")),
        "LicenseEntitlementInvalid",
        "'expires_at'",
    ),
    "an entitlement without its value": (
        changed(lambda spec: spec["entitlements"]["seats"].pop("value")),
        "LicenseEntitlementInvalid",
        "'seats' has a value that its signature does not fit",
    ),
    "an entitlement without its signature": (
        changed(lambda spec: spec["entitlements"]["seats"].pop("signature")),
        "LicenseEntitlementInvalid",
        "'seats' has (lost its|no) signature",
    ),
    "an entitlement with another's signature": (
        changed(lambda spec: spec["entitlements"]["seats"].update(signature=spec["entitlements"]["sso"]["signature"])),
        "LicenseEntitlementInvalid",
        "'seats'",
    ),
    "an entitlement whose signature is no base64": (
        changed(lambda spec: spec["entitlements"]["seats"].update(signature={"v1": "?", "v2": "?"})),
        "LicenseEntitlementInvalid",
        "not base64",
    ),
    "an entitlement that is a list": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(entitlements={"seats": {"value": []}})),
        "LicenseEntitlementInvalid|LicenseInvalid",
        "'seats'",
    ),
    "an expiry that is no date": (
        signed_as(entitlements={"expires_at": {"value": "31.12.2030"}}),
        "LicenseExpiryInvalid",
        r"'31.12.2030', which is not a date: expected RFC 3339",
    ),
    "an expiry on no calendar": (
        signed_as(entitlements={"expires_at": {"value": "2030-02-30T00:00:00Z"}}),
        "LicenseExpiryInvalid",
        "no such moment",
    ),
    "an expiry that is a number": (
        signed_as(entitlements={"expires_at": {"value": 20301231}}),
        "LicenseExpiryInvalid",
        "not text",
    ),
    "an app slug for the shell": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(appSlug="../x y")),
        "LicenseInvalid",
        "spec.appSlug is '../x y'",
    ),
    "no app slug": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].pop("appSlug")),
        "LicenseInvalid",
        "spec.appSlug is missing",
    ),
    "no license id": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].pop("licenseID")),
        "LicenseInvalid",
        "spec.licenseID is missing",
    ),
    "a license id of two lines": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(licenseID=f"{LICENSE_ID}\nX")),
        "LicenseInvalid",
        "visible ASCII",
    ),
    "a license id that is a number": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(licenseID=12)),
        "LicenseInvalid",
        "put it in quotes",
    ),
    "a sequence that is text": (signed_as(licenseSequence="many"), "LicenseInvalid", "spec.licenseSequence"),
    "a sequence below zero": (signed_as(licenseSequence=-1), "LicenseInvalid", "spec.licenseSequence"),
    "a customer who steers the terminal": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(customerName="\x1b[2J")),
        "LicenseInvalid",
        "spec.customerName holds control characters",
    ),
    "a customer of 2000 characters": (signed_as(customerName="x" * 2000), "LicenseInvalid", "longer than 1024"),
    "a proxy domain that is a URL": (
        signed_as(replicatedProxyDomain="https://proxy.example.com/"),
        "LicenseInvalid",
        "expected a host such as",
    ),
    "entitlements that are a list": (
        signed_by_the_vendor_untouched(lambda document: document["spec"].update(entitlements=[1])),
        "LicenseInvalid",
        "spec.entitlements is not a mapping",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", BAD)
def test_each_bad_license_has_one_clear_reason(vendor: Vendor, stranger: Vendor, case: str, version: str) -> None:
    make, reason, message = BAD[case]
    error = refusal(make(vendor, stranger, version), vendor.trusted)
    assert re.fullmatch(reason, error.reason)
    assert re.search(message, error.message)
    assert "\n" not in error.message
    assert len(error.message) < 300
    assert LICENSE_ID not in f"{error} {error!r} {error.reason}"

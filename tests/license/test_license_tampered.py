"""Whatever is changed of a license, it is refused, and nothing crashes: by properties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bad_licenses import refusal
from harness.examples import examples
from harness.licensed import VERSIONS, Envelope, Vendor, read, write


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
@settings(max_examples=examples(100))
def test_no_byte_of_the_signed_data_can_be_changed(vendor: Vendor, version: str, data: st.DataObject) -> None:
    envelope = Envelope(_signed_once(vendor, version))
    signed = bytearray(envelope.license_data)
    position = data.draw(st.integers(0, len(signed) - 1))
    signed[position] ^= data.draw(st.integers(1, 255))
    envelope.license_data = bytes(signed)
    assert refusal(envelope.pack(), vendor.trusted).reason == "LicenseSignatureInvalid"


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
@settings(max_examples=examples(100))
def test_no_character_of_the_signature_can_be_changed(vendor: Vendor, version: str, data: st.DataObject) -> None:
    """Nothing in the whole envelope is free to change: what is not signed itself no longer fits what is."""
    document = read(_signed_once(vendor, version))
    signature = document["spec"]["signature"]
    position = data.draw(st.integers(0, len(signature) - 1))
    replacement = data.draw(st.sampled_from("ABCDabcd0189+/=").filter(lambda char: char != signature[position]))
    changed = signature[:position] + replacement + signature[position + 1 :]
    document["spec"]["signature"] = changed
    assert refusal(write(document), vendor.trusted).reason in {
        "LicenseSignatureMalformed",
        "LicenseSignatureInvalid",
        "LicenseKeyUnknown",
    }


@given(data=st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "ignore")))
@settings(max_examples=examples(300))
def test_whatever_is_no_license_is_refused_and_never_crashes(vendor: Vendor, data: bytes) -> None:
    assert refusal(data, vendor.trusted).reason == "LicenseInvalid"


_signed: dict[str, bytes] = {}


def _signed_once(vendor: Vendor, version: str) -> bytes:
    return _signed.setdefault(version, vendor.license(version))

"""Licenses made bad, each in one way."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.licensed import V1BETA1, V1BETA2, Envelope, Vendor, edited, license_document, read, write
from kotsapp.license import LicenseError, TrustedKeys, load

Bad = Callable[[Vendor, Vendor, str], bytes]


def refusal(data: bytes, keys: TrustedKeys) -> LicenseError:
    with pytest.raises(LicenseError) as caught:
        load(data, keys)
    return caught.value


def changed(change: Callable[[dict[str, Any]], object]) -> Bad:
    """The outer document edited after signing."""
    return lambda vendor, _, version: edited(vendor.license(version), change)


def repacked(change: Callable[[Envelope], object]) -> Bad:
    """A layer of the signature changed, the others put together around it."""

    def make(vendor: Vendor, _: Vendor, version: str) -> bytes:
        envelope = Envelope(vendor.license(version))
        change(envelope)
        return envelope.pack()

    return make


def signed_as(**spec: Any) -> Bad:
    """Signed like this by the vendor, wrong all the same."""
    return lambda vendor, _, version: vendor.license(version, **spec)


def signed_by_the_vendor_untouched(change: Callable[[dict[str, Any]], object]) -> Bad:
    """Like ``signed_as``, for what the product's own signing would refuse."""

    def make(vendor: Vendor, _: Vendor, version: str) -> bytes:
        envelope = Envelope(vendor.license(version))
        document = license_document(version)
        del document["spec"]["entitlements"]
        change(document)
        envelope.sign_data(document, vendor)
        return envelope.pack()

    return make


def literally(text: str | bytes) -> Bad:
    data = text.encode() if isinstance(text, str) else text
    return lambda _, __, ___: data


def of_another_license(vendor: Vendor, _: Vendor, version: str) -> bytes:
    envelope, other = Envelope(vendor.license(version)), Envelope(vendor.license(version, appSlug="another-app"))
    envelope.license_data = other.license_data
    return envelope.pack()


def with_a_strangers_key_under_the_vendors_name(vendor: Vendor, stranger: Vendor, version: str) -> bytes:
    envelope = Envelope(stranger.license(version))
    envelope.key_signature["globalKeyId"] = vendor.keys.key_id
    return envelope.pack()


def with_a_strangers_application_key(vendor: Vendor, stranger: Vendor, version: str) -> bytes:
    envelope, other = Envelope(vendor.license(version)), Envelope(stranger.license(version))
    envelope.inner["publicKey"] = other.inner["publicKey"]
    return envelope.pack()


def of_the_other_version(vendor: Vendor, _: Vendor, version: str) -> bytes:
    other = V1BETA1 if version == V1BETA2 else V1BETA2
    document = read(vendor.license(other))
    return write({**document, "apiVersion": version})

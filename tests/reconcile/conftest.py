"""A vendor with one release in the channel of the license, and a registry that the license or a login opens."""

import pytest

from harness.channel_apps import publish
from harness.licenses import LICENSE_ID, Signer
from harness.oci_apps import OWN, PASSWORD, PLACE
from harness.oci_registry import OciRegistry
from harness.vendors import VendorWeb
from localworld.release_channel import Customer, Vendor


@pytest.fixture
def web(signer: Signer) -> VendorWeb:
    vendor = Vendor()
    vendor.customers[LICENSE_ID] = Customer(signer.sign(), 7, "")
    publish(vendor, "1.0.0")
    return VendorWeb(vendor)


@pytest.fixture
def registry() -> OciRegistry:
    return OciRegistry(opened_by={PLACE: LICENSE_ID, OWN: PASSWORD})


@pytest.fixture
def oci_web(registry: OciRegistry) -> VendorWeb:
    return VendorWeb(Vendor(), registry)

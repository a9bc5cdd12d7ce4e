"""A vendor with one release in the channel of the license."""

import pytest

from harness.channel_apps import publish
from harness.licenses import LICENSE_ID, Signer
from harness.vendors import VendorWeb
from localworld.release_channel import Customer, Vendor


@pytest.fixture
def web(signer: Signer) -> VendorWeb:
    vendor = Vendor()
    vendor.customers[LICENSE_ID] = Customer(signer.sign(), 7, "")
    publish(vendor, "1.0.0")
    return VendorWeb(vendor)

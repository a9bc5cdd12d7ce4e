"""One vendor, and one whom nobody trusts: making keys takes a while, so they are made once."""

import pytest
from licensed import Vendor


@pytest.fixture(scope="session")
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture(scope="session")
def stranger() -> Vendor:
    return Vendor()

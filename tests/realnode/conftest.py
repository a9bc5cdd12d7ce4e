"""One world with a real node for all of these tests, which are skipped where the machine can't run one."""

from collections.abc import Iterator

import pytest

from localworld.realnode import ability
from localworld.world import World


@pytest.fixture(scope="session")
def real_node() -> None:
    """What needs a real node asks for this first."""
    if missing := ability.missing():
        pytest.skip(f"no real node on this machine: {missing}")


@pytest.fixture(scope="session")
def real_world(real_node: None) -> Iterator[World]:
    """A world with the sample images, whose node runs them. Tests use namespaces of their own in it."""
    with World.start(node="real", samples=True) as world:
        yield world

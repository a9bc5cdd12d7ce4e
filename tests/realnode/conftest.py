"""One world with a real node for all of these tests, which are skipped where the machine can't run one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import in_cluster
from harness.traces import Machine, traces_of
from localworld.realnode import ability
from localworld.registries.image import Image
from localworld.world import World

# Where buildah would keep something, were it not told otherwise.
BUILDAH_PLACES = [Path("/etc/cni"), Path("/etc/containers/policy.json"), Path("/var/lib/containers")]


@pytest.fixture(scope="session")
def real_node() -> None:
    """What needs a real node asks for this first."""
    if missing := ability.missing():
        pytest.skip(f"no real node on this machine: {missing}")


@pytest.fixture(scope="session")
def machine(real_node: None) -> Machine:
    """As it was before the world that the tests share."""
    return Machine.seen()


@pytest.fixture(scope="session")
def real_world(machine: Machine) -> Iterator[World]:
    """A world with the sample images, whose node runs them. Tests use namespaces of their own in it."""
    with World.start(node="real", samples=True) as world:
        yield world
    assert world.network is not None
    assert traces_of(world.folder, world.network.number) == []
    assert Machine.seen() == machine


@pytest.fixture(scope="session")
def image(real_node: None) -> Image:
    """The operator's own: minutes the first time, seconds when only its code has changed."""
    before = [place.exists() for place in BUILDAH_PLACES]
    built = in_cluster.build()
    assert [place.exists() for place in BUILDAH_PLACES] == before, "the build left something on the machine"
    return built

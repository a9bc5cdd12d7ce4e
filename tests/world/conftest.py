"""A world for the tests of the world itself, and small objects to put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localworld.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def audited_world() -> Iterator[World]:
    """A world with its sample images and an audit log. Tests use names of their own in it."""
    with World.start(audit=True, samples=True) as world:
        yield world

"""One world with a real node for all of these tests, where the machine can run one; elsewhere they say why they don't."""

import contextlib
from collections.abc import Iterator

import pytest

from localworld.realnode import ability
from localworld.world import World

_missing = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def real_world() -> Iterator[World]:
    """A world with the sample images, whose node runs them. Tests use namespaces of their own in it."""
    with World.start(node="real", samples=True) as world:
        yield world


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs the node: everything here that asks for a world or starts one."""
    ours = [item for item in items if item.get_closest_marker("real_node") or "real_world" in _fixtures(item)]
    if ours and (missing := ability.missing()):
        config.stash[_missing] = f"{len(ours)} tests of the real node skipped: {missing}"
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=missing))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line that no option is needed for."""
    with contextlib.suppress(KeyError):
        terminalreporter.write_line(config.stash[_missing])


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))

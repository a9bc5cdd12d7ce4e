"""The page's objects for Flux, as a real API server with Flux's own definitions takes them.

`make gitops` fetches the definitions. Until they are in the cache these tests are skipped.
"""

import re
from collections.abc import Iterator

import pytest

from harness.gitops_page import PAGE
from localworld.process import ProcessError
from localworld.programs import flux
from localworld.progress import to_stderr
from localworld.world import World

BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
FOR_FLUX = [block for block in BLOCKS if "toolkit.fluxcd.io/" in block]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if not flux.definitions_cached():
        pytest.skip("Flux's definitions are not here: make gitops")
    folder = str(flux.definitions(to_stderr))
    with World.start(tmp_path_factory.mktemp("flux") / "world", node=False) as world:
        world.kubectl("apply", "--server-side", "-f", folder)
        world.kubectl("wait", "--for=condition=Established", "-f", folder, "--timeout=60s")
        world.create_namespace("flux-system")
        yield world


def taken(world: World, text: str) -> list[str]:
    """The names of what the API server would store; ProcessError for an unknown field or a value that is refused."""
    arguments = ("apply", "--dry-run=server", "--validate=strict", "--output=name", "--filename=-")
    return world.kubectl(*arguments, stdin=text).split()


def test_every_example_is_taken_with_no_field_that_flux_does_not_know(world: World) -> None:
    found = [taken(world, block) for block in FOR_FLUX]
    assert found == [
        [
            "gitrepository.source.toolkit.fluxcd.io/platform",
            "kustomization.kustomize.toolkit.fluxcd.io/kotsapp-operator",
            "kustomization.kustomize.toolkit.fluxcd.io/my-kots-app",
        ],
        ["kustomization.kustomize.toolkit.fluxcd.io/my-kots-app"],
    ]


def test_what_flux_does_not_know_is_refused(world: World) -> None:
    unknown = FOR_FLUX[1].replace("healthCheckExprs:", "healthCheckExpressions:")
    with pytest.raises(ProcessError, match=r'unknown field "spec\.healthCheckExpressions"'):
        taken(world, unknown)
    with pytest.raises(ProcessError, match=r"spec\.interval"):
        taken(world, FOR_FLUX[1].replace("interval: 10m", "interval: often"))

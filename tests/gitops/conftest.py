"""Flux's controllers at work on a world: what their tests share. `make gitops` runs them, `--flux` asks for them."""

from collections.abc import Iterator

import pytest

from harness.apps import LICENSE_ID, PRIVATE, SLUG, Tenant
from harness.flux import FluxObjects, Repository, Sops
from harness.flux_page import OPERATOR, Page, first_release
from harness.gitops_page import APP, NAMESPACE, commit, repository
from harness.in_cluster import IMAGE, REPOSITORY
from harness.licenses import Signer
from harness.waiting import until
from localworld.flux import Flux
from localworld.git_server import GitServer
from localworld.programs import flux as flux_programs
from localworld.progress import to_stderr
from localworld.world import World

_NOT_ASKED_FOR = "Flux's controllers are run by make gitops (--flux), which builds them first"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes of tests and of building are not part of every run; a line says so."""
    if not config.getoption("--flux"):
        for item in items:
            if "flux_world" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=_NOT_ASKED_FOR))


@pytest.fixture(scope="module")
def flux_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster with Flux in it and nothing else, and the images."""
    programs = flux_programs.ensure(to_stderr)
    with World.start(tmp_path_factory.mktemp("flux") / "world", licenses=[LICENSE_ID]) as world:
        world.push_image(PRIVATE, proxied_for=SLUG)
        # As a node has it that pulled the operator's image.
        world.registries.make_public("ghcr.io", REPOSITORY)
        world.push_image(IMAGE)
        with Flux(world, programs):
            yield world


@pytest.fixture(scope="module")
def in_git(flux_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("git")
    for name in ("served", "tree", "operator"):
        (folder / name).mkdir()
    server = GitServer(folder / "served")
    server.start()
    signer = Signer.make(folder / "keys")
    sops = Sops.made(flux_programs.ensure(to_stderr))
    app = repository(folder / "tree", signer.sign(), first_release())
    sops.encrypt(app / "license.sealed.yaml")
    flux = FluxObjects(flux_world, Repository.made(server, folder / "tree"))
    flux_world.create_namespace(NAMESPACE)
    page = Page(flux, app, Tenant(flux_world, signer, NAMESPACE), sops, folder / "operator")
    yield page
    if page.operator is not None and page.operator.running:
        page.operator.stop()
    server.stop()


@pytest.fixture
def page(in_git: Page) -> Iterator[Page]:
    """The page applied, its first release Ready; afterwards its app leaves, and what a test changed in it."""
    before = {path: path.read_bytes() for path in in_git.folder.rglob("*") if path.is_file()}
    commit(in_git.folder, first_release())
    revision = in_git.flux.repository.push()
    in_git.first()
    in_git.flux.reconcile("GitRepository", "platform")
    for name in (OPERATOR, APP):
        ready = in_git.flux.settled(revision, name)
        assert ready["status"] == "True", (name, ready)
    yield in_git
    for path in in_git.folder.rglob("*"):
        if path.is_file() and path not in before:
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    in_git.flux.delete("Kustomization", APP)
    until(in_git.app_is_gone, f"{APP} is gone", 60)
    until(lambda: not in_git.flux.get("Kustomization", APP), "its Kustomization is gone", 60)

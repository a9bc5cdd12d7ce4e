"""A repository that is served is cloned and fetched by git itself."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.flux import Repository
from localworld.git_server import GitServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    server = GitServer(tmp_path / "served")
    server.start()
    yield server
    server.stop()


def git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def test_each_commit_that_was_pushed_is_fetched(server: GitServer, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    repository = Repository.made(server, tree)
    (tree / "file").write_text("first")
    first = repository.push()
    assert git("clone", "--quiet", repository.url, "clone", folder=tmp_path) == ""
    assert (tmp_path / "clone/file").read_text() == "first"

    (tree / "file").write_text("second")
    second = repository.push()
    git("pull", "--quiet", folder=tmp_path / "clone")

    assert (tmp_path / "clone/file").read_text() == "second"
    assert first != second == f"main@sha1:{git('rev-parse', 'HEAD', folder=tmp_path / 'clone')}"


def test_what_is_not_there_is_not_found_and_nothing_is_pushed(server: GitServer, tmp_path: Path) -> None:
    assert "not found" in git("clone", server.url("nothing.git"), folder=tmp_path)
    tree = tmp_path / "tree"
    tree.mkdir()
    repository = Repository.made(server, tree)
    repository.push()
    assert "403" in git("push", repository.url, "HEAD:refs/heads/other", folder=tree)

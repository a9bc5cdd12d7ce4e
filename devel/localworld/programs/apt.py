"""Debian packages: installed where this process may, unpacked aside where it needn't be root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localworld.progress import Progress

_LOCK_SECONDS = 300
_SOURCES = Path("/etc/apt/sources.list.d")
_SOURCES_LIST = Path("/etc/apt/sources.list")


class AptError(RuntimeError):
    """A Debian package could not be had; the message says which and what to do."""


def install(program: str, package: str, say: Progress) -> Path:
    """The path of `program`, from Debian's `package`, which is installed first when it is missing and root runs this.

    Raises AptError with the command to run, otherwise.
    """
    if found := shutil.which(program):
        return Path(found)
    command = f"apt-get install {package}"
    if shutil.which("apt-get") is None:
        raise AptError(f"{program} is missing: install it (on Debian: {command}) so that it is on PATH")
    if os.geteuid() != 0:
        raise AptError(f"{program} is missing: run as root: {command}")
    cache.root().mkdir(parents=True, exist_ok=True)
    # Another world that starts now may be installing, too; apt-get waits for others, but not where it reads its lists.
    with cache.locked(cache.root() / ".apt.lock", say):
        if shutil.which(program) is None:
            say(f"installing Debian's {package}")
            _install(package, command)
    if found := shutil.which(program):
        return Path(found)
    raise AptError(f"{package} is installed, but {program} is not on PATH")


def _install(package: str, command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}"]
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wait, package]
    if subprocess.run(argv, env=environment, capture_output=True, check=False).returncode:
        # A fresh machine has no package lists, or old ones.
        _checked(["apt-get", "update", "-qq"], f"apt-get update, before installing {package}")
        _checked(argv, command, environment=environment)


class Workshop:
    """Debian's packages in a folder of one's own: no root, no service started, and nothing on the machine changes.

    With `sources`, source packages can be had, too.
    """

    def __init__(self, folder: Path, *, sources: bool = False) -> None:
        for tool in ("apt-get", "dpkg"):
            if shutil.which(tool) is None:
                raise AptError(f"{tool} is missing: this needs a Debian machine")
        self._folder = folder
        (folder / "lists" / "partial").mkdir(parents=True)
        parts = folder / "sources.list.d"
        parts.mkdir()
        for file in [*_SOURCES.glob("*.sources"), *_SOURCES.glob("*.list"), _SOURCES_LIST]:
            if file.exists():
                text = file.read_text()
                (parts / file.name).write_text(_with_sources(text) if sources else text)
        self._options = [
            *("-o", "Dir::Etc::sourcelist=/dev/null"),
            *("-o", f"Dir::Etc::sourceparts={parts}"),
            *("-o", f"Dir::State::lists={folder / 'lists'}"),
            *("-o", f"Dir::Cache={folder / 'cache'}"),
            *("-o", "APT::Sandbox::User="),
        ]
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        _checked(["apt-get", *self._options, "update", "-qq"], "reading Debian's package lists")

    def unpack(self, packages: Sequence[str], into: Path) -> None:
        """Download binary packages and unpack their files under `into`; nothing of theirs is run."""
        archives = self._folder / "archives"
        archives.mkdir(exist_ok=True)
        _checked(["apt-get", *self._options, "download", "-qq", *packages], "apt-get download", cwd=archives)
        for archive in sorted(archives.glob("*.deb")):
            _checked(["dpkg", "-x", str(archive), str(into)], f"unpacking {archive.name}")
            archive.unlink()

    def source(self, package: str) -> Path:
        """Download a source package; the folder with its .dsc and tar files."""
        folder = self._folder / "source"
        folder.mkdir()
        argv = ["apt-get", *self._options, "source", "-qq", "--download-only", package]
        _checked(argv, f"downloading the source of {package}", cwd=folder)
        return folder


def unpacked(package: str, into: Path) -> None:
    """Unpack the files of one binary package into a folder; AptError when it can't be had."""
    with tempfile.TemporaryDirectory(prefix=".apt.", dir=into.parent) as folder:
        Workshop(Path(folder)).unpack([package], into)


def _with_sources(text: str) -> str:
    """Add source packages to apt sources, in either of their formats."""
    text = re.sub(r"^Types:\s*deb\s*$", "Types: deb deb-src", text, flags=re.MULTILINE)
    return re.sub(r"^deb\s(.*)$", r"deb \1\ndeb-src \1", text, flags=re.MULTILINE)


def _checked(argv: list[str], what: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise AptError(f"{what} failed with exit code {done.returncode}: {' / '.join(last)}")

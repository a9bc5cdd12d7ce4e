"""The control plane for a machine without a recent Go: Debian's kubernetes source, built with Debian's Go."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.apt import AptError, Workshop
from localworld.build_go import BuildError

if TYPE_CHECKING:
    from localworld.progress import Progress

VERSION = "v1.20.2"
CACHE_NAME = f"control-plane/{VERSION}-debian"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_GO = "1.19"
_REFLECT2 = "golang-github-modern-go-reflect2-dev"
_PACKAGES = (f"golang-{_GO}-go", f"golang-{_GO}-src", _REFLECT2, "etcd-server")
_VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def possible() -> bool:
    """Whether this is a machine with apt, which is all that the build needs; it needs no root."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def build(into: Path, say: Progress) -> None:
    """Build the programs into the folder. AptError or BuildError when a step fails."""
    with tempfile.TemporaryDirectory(prefix=".debian-build.", dir=into.parent) as name:
        folder = Path(name)
        began = time.monotonic()
        workshop = Workshop(folder)
        root = folder / "root"
        root.mkdir()
        workshop.unpack(_PACKAGES, root)
        tree = _unpack_source(workshop.source("kubernetes"), folder)
        _replace_reflect2(tree, root)
        say(f"Debian's kubernetes source and Go {_GO} unpacked ({time.monotonic() - began:.1f} s)")
        shutil.copy2(root / "usr/bin/etcd", into / "etcd")
        for program in PROGRAMS[1:]:
            began = time.monotonic()
            _go_build(program, tree, root / f"usr/lib/go-{_GO}", folder / "go", into)
            say(f"building {program} {VERSION} from Debian's source ({time.monotonic() - began:.1f} s)")
    (into / "VERSION").write_text(VERSION + "\n")


def _unpack_source(folder: Path, into: Path) -> Path:
    # Debian's own patches touch kubectl's output alone, which is not built here.
    archives = list(folder.glob("*.orig.tar.*"))
    if len(archives) != 1:
        raise AptError(f"Debian's kubernetes source has {len(archives)} upstream archives, one was expected")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(into, filter="fully_trusted" if not hasattr(tarfile, "data_filter") else "tar")
    unpacked = into / f"kubernetes-{VERSION.removeprefix('v')}"
    if not (unpacked / "vendor").is_dir():
        raise AptError(f"Debian's kubernetes source is no longer {VERSION}: {archives[0].name}")
    # Go 1.19 finds fault with this go.mod; the tree is complete, so it is built as a GOPATH one, as Debian does.
    tree = into / "go/src/k8s.io/kubernetes"
    tree.parent.mkdir(parents=True)
    return unpacked.rename(tree)


def _replace_reflect2(tree: Path, root: Path) -> None:
    # The vendored 1.0.1 crashes the server on map iteration when it is compiled with Go 1.18 or newer.
    vendored = tree / "vendor/github.com/modern-go/reflect2"
    shutil.rmtree(vendored)
    shutil.copytree(root / "usr/share/gocode/src/github.com/modern-go/reflect2", vendored)


def _go_build(program: str, tree: Path, goroot: Path, workspace: Path, into: Path) -> None:
    major, minor, _ = VERSION.removeprefix("v").split(".")
    # Vendored packages carry their path in the tree.
    packages = [f"k8s.io/kubernetes/vendor/{package}" for package in _VERSION_VARIABLES]
    values = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = [f"-X {package}.{key}={value}" for package in packages for key, value in values.items()]
    argv = [str(goroot / "bin/go"), "build", "-trimpath", "-ldflags", " ".join(["-s", "-w", *flags])]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(workspace),
        "GOROOT": str(goroot),
        "GOPATH": str(workspace),
        "GOCACHE": str(workspace / "cache"),
        "GO111MODULE": "off",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    done = subprocess.run(
        [*argv, "-o", str(into / program), f"k8s.io/kubernetes/cmd/{program}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise BuildError(f"building {program} from Debian's source exited with {done.returncode}\n{last}")

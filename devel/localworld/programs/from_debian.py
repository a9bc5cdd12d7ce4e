"""The control plane for a machine without a recent Go: Debian's kubernetes source, built with Debian's Go."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs.apt import AptError, Workshop
from localworld.programs.go_module import BuildError
from localworld.progress import step

if TYPE_CHECKING:
    from localworld.progress import Progress

VERSION = "v1.20.2"
CACHE_NAME = f"control-plane/{VERSION}-debian"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
_GO = "1.19"
_ROOT = "k8s.io/kubernetes"
_OPENAPI_TAG = b"+k8s:openapi-gen="
# As in the release's own makefile: no part of kube-apiserver.
_NOT_SERVED = ("vendor/k8s.io/code-generator", "vendor/k8s.io/sample-apiserver")
_REFLECT2 = "golang-github-modern-go-reflect2-dev"
_PACKAGES = (f"golang-{_GO}-go", f"golang-{_GO}-src", _REFLECT2, "etcd-server")
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def possible() -> bool:
    """Whether this is a machine with apt, which is all that the build needs; it needs no root."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def build(into: Path, say: Progress) -> None:
    """Build the programs into the folder. AptError or BuildError when a step fails."""
    with tempfile.TemporaryDirectory(prefix=".debian-build.", dir=into.parent) as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        with step(say, f"Debian's kubernetes source and Go {_GO} unpacked"):
            workshop = Workshop(folder, sources=True)
            workshop.unpack(_PACKAGES, root)
            tree = _unpack_source(workshop.source("kubernetes"), folder)
            _replace_reflect2(tree, root)
        shutil.copy2(root / "usr/bin/etcd", into / "etcd")
        go = _Toolchain(goroot=root / f"usr/lib/go-{_GO}", gopath=folder / "go")
        with step(say, "OpenAPI definitions generated"):
            _generate_openapi(go, tree)
        for program in PROGRAMS[1:]:
            with step(say, f"building {program} {VERSION} from Debian's source"):
                go.build(f"{_ROOT}/cmd/{program}", into / program, "-ldflags", f"-s -w {_version_flags()}")
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
    tree = into / "go/src" / _ROOT
    tree.parent.mkdir(parents=True)
    return unpacked.rename(tree)


def _replace_reflect2(tree: Path, root: Path) -> None:
    # The vendored 1.0.1 crashes the server on map iteration when it is compiled with Go 1.18 or newer.
    vendored = tree / "vendor/github.com/modern-go/reflect2"
    shutil.rmtree(vendored)
    shutil.copytree(root / "usr/share/gocode/src/github.com/modern-go/reflect2", vendored)


@dataclass(frozen=True, slots=True)
class _Toolchain:
    """Debian's Go, unpacked, and the GOPATH that holds the source tree."""

    goroot: Path
    gopath: Path

    def build(self, package: str, output: Path, *flags: str) -> None:
        argv = [str(self.goroot / "bin/go"), "build", "-trimpath", *flags, "-o", str(output), package]
        self.run(argv, f"building {package}")

    def run(self, argv: list[str], what: str, cwd: Path | None = None) -> None:
        environment = {
            "PATH": f"{self.goroot / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.gopath),
            "GOROOT": str(self.goroot),
            "GOPATH": str(self.gopath),
            "GOCACHE": str(self.gopath / "cache"),
            "GO111MODULE": "off",
            "CGO_ENABLED": "0",
        }
        done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = "\n".join(done.stderr.splitlines()[-20:])
            raise BuildError(f"{what} from Debian's source exited with {done.returncode}\n{last}")


def _generate_openapi(go: _Toolchain, tree: Path) -> None:
    """Make the one source file that releases leave out: the API's OpenAPI definitions, from the types' own tags."""
    generator = go.gopath / "openapi-gen"
    go.build(f"{_ROOT}/vendor/k8s.io/kube-openapi/cmd/openapi-gen", generator)
    packages = ",".join(f"{_ROOT}/{folder}" for folder in sorted(_openapi_folders(tree)))
    argv = [
        *(str(generator), "--logtostderr", "-i", packages, "-p", f"{_ROOT}/pkg/generated/openapi"),
        *("-O", "zz_generated.openapi", "-r", str(go.gopath / "violations.txt")),
        *("-h", "hack/boilerplate/boilerplate.generatego.txt"),
    ]
    go.run(argv, "openapi-gen", cwd=tree)


def _openapi_folders(tree: Path) -> set[str]:
    """The folders, relative to the tree, with a Go file that asks for OpenAPI definitions."""
    found = set()
    for top in ("pkg", "cmd", "vendor/k8s.io"):
        # vendor/k8s.io holds links to the staging folders.
        for folder, subfolders, files in os.walk(tree / top, followlinks=True):
            relative = str(Path(folder).relative_to(tree))
            if relative in _NOT_SERVED:
                subfolders.clear()
                continue
            sources = (Path(folder, file) for file in files if file.endswith(".go"))
            if any(_OPENAPI_TAG in source.read_bytes() for source in sources):
                found.add(relative)
    return found


def _version_flags() -> str:
    major, minor, _ = VERSION.removeprefix("v").split(".")
    values = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    # Vendored packages carry their path in the tree.
    variables = [
        f"{_ROOT}/vendor/{package}.{key}={value}" for package in _VERSION_PACKAGES for key, value in values.items()
    ]
    return " ".join(f"-X {variable}" for variable in variables)

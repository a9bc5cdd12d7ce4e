"""Every program that the local world runs, found or made: what serves first is taken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import apt, cache, clients, from_debian, from_go, other_release
from localworld.progress import step

if TYPE_CHECKING:
    from localworld.progress import Progress

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
_REGISTRY_FILE = "usr/bin/docker-registry"
_ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
# envtest's archives come without a controller manager, without which nothing rolls out.
_MISSING_HINT = "envtest archives have no kube-controller-manager; unset the variable to let one be built"


class BinariesError(RuntimeError):
    """The control plane can neither be found nor be built here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where each program is, and the Kubernetes version that will be served, such as `v1.37.2`.

    `emulates` is a minor version, such as `1.34`, that the control plane is to serve instead of its own.
    """

    version: str
    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
    helm: Path
    docker_registry: Path
    skopeo: Path
    emulates: str | None = None

    @property
    def minor(self) -> int:
        """The minor number of the Kubernetes version: flags come and go with it."""
        return int(self.version.split(".")[1])


def ensure(say: Progress) -> Binaries:
    """Find or make every program.

    Raises BinariesError, AptError, BuildError or ClientError; each message is for whoever started this.
    """
    tools = cache.ensure(clients.cache_name(), clients.PROGRAMS, clients.unpack, say)
    skopeo = apt.install("skopeo", "skopeo", say)
    folder = control_plane(say)
    emulates = other_release.emulated()
    return Binaries(
        version=f"v{emulates}" if emulates else _version(folder / "kube-apiserver"),
        etcd=folder / "etcd",
        kube_apiserver=folder / "kube-apiserver",
        kube_controller_manager=folder / "kube-controller-manager",
        kubectl=tools / "kubectl",
        helm=tools / "helm",
        docker_registry=_docker_registry(say),
        skopeo=skopeo,
        emulates=emulates,
    )


def control_plane(say: Progress) -> Path:
    """The folder with etcd, kube-apiserver and kube-controller-manager.

    KUBEBUILDER_ASSETS when it is set, else the cache, filled from Go modules or from Debian's source; with KUBERNETES
    set it is of that release.
    """
    if named := os.environ.get(_ASSETS_VARIABLE):
        folder = Path(named)
        if missing := [program for program in CONTROL_PLANE if not (folder / program).is_file()]:
            raise BinariesError(f"{_ASSETS_VARIABLE}={named} has no {', '.join(missing)}: {_MISSING_HINT}")
        return folder
    release = other_release.wanted()
    if go := from_go.toolchain():
        pinned = cache.ensure(from_go.cache_name(), CONTROL_PLANE, lambda into: from_go.build(go, into, say), say)
        return pinned if release is None else _of_release(go, release, pinned / "etcd", say)
    if release is not None:
        raise BinariesError(f"{other_release.VARIABLE} asks for {release}, which takes Go to build; {_go_hint()}")
    if from_debian.possible():
        return cache.ensure(from_debian.CACHE_NAME, CONTROL_PLANE, lambda into: from_debian.build(into, say), say)
    raise BinariesError(
        f"no control plane: {_go_hint()} (or be on Debian), "
        f"or set {_ASSETS_VARIABLE} to a folder with {', '.join(CONTROL_PLANE)}"
    )


def _go_hint() -> str:
    major, minor = from_go.needed_go()
    return f"install Go {major}.{minor} or newer"


def _of_release(go: str, release: str, etcd: Path, say: Progress) -> Path:
    def build(into: Path) -> None:
        other_release.build(go, release, etcd, into, say)

    return cache.ensure(other_release.cache_name(release), CONTROL_PLANE, build, say)


def _docker_registry(say: Progress) -> Path:
    """docker-registry, from PATH, else out of Debian's package, which is not installed: it would start a service."""
    if found := shutil.which("docker-registry"):
        return Path(found)

    def unpack(into: Path) -> None:
        with step(say, "Debian's docker-registry unpacked"):
            apt.unpacked("docker-registry", into)

    return cache.ensure("debian/docker-registry", [_REGISTRY_FILE], unpack, say) / _REGISTRY_FILE


def linked(binaries: Binaries) -> Path:
    """One folder with every program under its own name, for a shell's PATH: links in the cache."""
    folder = cache.root() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    programs = {
        "etcd": binaries.etcd,
        "kube-apiserver": binaries.kube_apiserver,
        "kube-controller-manager": binaries.kube_controller_manager,
        "kubectl": binaries.kubectl,
        "helm": binaries.helm,
        "docker-registry": binaries.docker_registry,
        "skopeo": binaries.skopeo,
    }
    for name, target in programs.items():
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.symlink_to(target)
        fresh.replace(folder / name)
    return folder


def _version(apiserver: Path) -> str:
    done = subprocess.run([str(apiserver), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v\d+\.\d+\.\d+\S*", done.stdout)
    if done.returncode or found is None:
        raise BinariesError(f"{apiserver} --version does not tell its version: {done.stderr.strip() or done.stdout!r}")
    return found.group(0)

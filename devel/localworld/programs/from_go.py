"""Kubernetes' own programs, built from Go modules: the pinned module in `devel/localworld/controlplane`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs.go_module import GoModule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localworld.progress import Progress

# k8s.io/kubernetes builds with the tag: gRPC's tracing keeps the linker from dropping unused methods.
MODULE = GoModule(Path(__file__).resolve().parents[1] / "controlplane", tags="grpcnotrace")
CONTROL_PLANE = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
NODE = {
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
}
# The variables that a release build sets; without them the server calls itself v0.0.0-master.
_VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def kubernetes_version() -> str:
    """The release that go.mod pins, such as `v1.37.2`."""
    return MODULE.required("k8s.io/kubernetes")


def needed_go() -> tuple[int, int]:
    """The Go release that go.mod asks for, as (major, minor)."""
    return MODULE.needed_go()


def toolchain() -> str | None:
    """The `go` command, when it is there and new enough for the pinned module; else None."""
    return MODULE.toolchain()


def cache_name(part: str = "control-plane") -> str:
    """The cache folder of a part: the version, and what pins the build, so that a changed pin is built anew."""
    return f"{part}/{kubernetes_version()}-{MODULE.pins()}"


def build(go: str, into: Path, say: Progress, programs: Mapping[str, str] = CONTROL_PLANE) -> None:
    """Build every program, by its package, into the folder; BuildError when a step fails."""
    version = kubernetes_version()
    MODULE.build(go, into, say, programs, version_flags(version))
    (into / "VERSION").write_text(version + "\n")


def version_flags(version: str) -> str:
    """The linker's flags by which programs know their release."""
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X {package}.{key}={value}" for package in _VERSION_VARIABLES for key, value in values.items())

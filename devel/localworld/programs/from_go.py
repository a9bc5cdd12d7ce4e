"""Kubernetes' own programs, built from Go modules: the pinned module in `devel/localworld/controlplane`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localworld.progress import Progress

MODULE = Path(__file__).resolve().parents[1] / "controlplane"
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
# k8s.io/kubernetes builds with it: gRPC's tracing keeps the linker from dropping unused methods.
_TAGS = "grpcnotrace"
_SAY_EVERY_SECONDS = 15.0


class BuildError(RuntimeError):
    """A build step failed; the message names the step and ends with its last lines of output."""


def kubernetes_version() -> str:
    """The release that go.mod pins, such as `v1.37.2`."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+)", _go_mod(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{MODULE / 'go.mod'}: no version of k8s.io/kubernetes is required there")
    return found.group(1)


def needed_go() -> tuple[int, int]:
    """The Go release that go.mod asks for, as (major, minor)."""
    found = re.search(r"^go (\d+)\.(\d+)", _go_mod(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{MODULE / 'go.mod'}: no go line there")
    return int(found.group(1)), int(found.group(2))


def toolchain() -> str | None:
    """The `go` command, when it is there and new enough for the pinned module; else None."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        return None
    found = re.match(r"go(\d+)\.(\d+)", _output([go, "env", "GOVERSION"]))
    if found is None or (int(found.group(1)), int(found.group(2))) < needed_go():
        return None
    return go


def cache_name(part: str = "control-plane") -> str:
    """The cache folder of a part: the version, and what pins the build, so that a changed pin is built anew."""
    pins = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()
    return f"{part}/{kubernetes_version()}-{pins[:8]}"


def build(go: str, into: Path, say: Progress, programs: Mapping[str, str] = CONTROL_PLANE) -> None:
    """Build every program, by its package, into the folder; BuildError when a step fails."""
    version = kubernetes_version()
    packages = _resolve(go, say, programs)
    for program, package in programs.items():
        argv = [
            *(go, "build", "-v", "-mod=readonly", "-trimpath", "-tags", _TAGS),
            *("-ldflags", f"-s -w {_version_flags(version)}"),
            *("-o", str(into / program), package),
        ]
        _run(argv, f"building {program} {version if program != 'etcd' else ''}".rstrip(), say, packages[program])
    (into / "VERSION").write_text(version + "\n")


def _resolve(go: str, say: Progress, programs: Mapping[str, str]) -> dict[str, int]:
    """Download the modules and count the packages of each program."""
    counts = {}
    for program, package in programs.items():
        argv = [go, "list", "-mod=readonly", "-tags", _TAGS, "-deps", package]
        counts[program] = _run(argv, f"fetching the modules of {program}", say)
    return counts


def _version_flags(version: str) -> str:
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X {package}.{key}={value}" for package in _VERSION_VARIABLES for key, value in values.items())


def _run(argv: list[str], what: str, say: Progress, packages: int | None = None) -> int:
    """Run one Go command, say how far it is from time to time; the number of lines it printed."""
    began = said = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(
        argv,
        cwd=MODULE,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if time.monotonic() - said > _SAY_EVERY_SECONDS:
                said = time.monotonic()
                of = f" of at most {packages}" if packages else ""
                say(f"  {what}: {len(lines)}{of} packages, {said - began:.0f} s")
    if process.returncode:
        raise BuildError(f"{what}: {' '.join(argv[:2])} exited with {process.returncode}\n" + "\n".join(lines[-20:]))
    say(f"{what} ({time.monotonic() - began:.1f} s)")
    return sum(not line.startswith("go: ") for line in lines)


def _environment() -> dict[str, str]:
    # An outer workspace or flag file must not change what is built.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}


def _output(argv: list[str]) -> str:
    # GOTOOLCHAIN=local: what is installed counts, not what go might download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    return done.stdout.strip()


def _go_mod() -> str:
    return (MODULE / "go.mod").read_text()

"""The control plane of another Kubernetes release than the pinned one: emulated by it, or built by its own pins.

`KUBERNETES=1.34` has the pinned programs emulate that minor release, as they can for the three before their own: its
kinds, versions and features are served, and none that came later. `KUBERNETES=1.34.4` builds the release itself: its
own go.mod names every version, its go.sum their contents; its staging modules, which stand beside it in its
repository, are taken as they were published. etcd is the pinned one: it serves them all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import from_go
from localworld.programs.go_module import BuildError, GoModule

if TYPE_CHECKING:
    from localworld.progress import Progress

# Its value is a release, such as 1.34.4, or a minor one to emulate; unset or empty for the pinned one.
VARIABLE = "KUBERNETES"
_RELEASE = re.compile(r"v?(1\.\d+)(\.\d+)?")
_MODULE = "k8s.io/kubernetes"
_BUILT = ("kube-apiserver", "kube-controller-manager")
_STAGED = re.compile(r"=> \./staging/src/(\S+)")
_STAGED_REQUIRED = re.compile(r"^(\s+k8s\.io/\S+) v0\.0\.0$", re.MULTILINE)
_NAME = re.compile(r"^module \S+$", re.MULTILINE)


def wanted() -> str | None:
    """The release to build, such as `v1.34.4`, if the environment asks for another one; BuildError if it is none."""
    minor, patch = _asked()
    version = f"v{minor}{patch}"
    return version if patch and version != from_go.kubernetes_version() else None


def emulated() -> str | None:
    """The minor release to emulate, such as `1.34`, if the environment asks for one; BuildError if it is none."""
    minor, patch = _asked()
    own = from_go.kubernetes_version().removeprefix("v").rpartition(".")[0]
    return minor if minor and not patch and minor != own else None


def _asked() -> tuple[str, str]:
    value = os.environ.get(VARIABLE, "")
    found = _RELEASE.fullmatch(value)
    if value and found is None:
        raise BuildError(f"{VARIABLE}={value} is no Kubernetes release; it is written like 1.34.4, or like 1.34")
    return (found.group(1), found.group(2) or "") if found else ("", "")


def cache_name(version: str) -> str:
    """The cache folder of a release: a published one never changes."""
    return f"control-plane/{version}"


def build(go: str, version: str, etcd: Path, into: Path, say: Progress) -> None:
    """Build kube-apiserver and kube-controller-manager of the release into the folder, etcd beside them; BuildError."""
    with tempfile.TemporaryDirectory(prefix=".kubernetes-release.", dir=into.parent) as name:
        folder = Path(name)
        source = _downloaded(go, version)
        (folder / "go.mod").write_text(go_mod(Path(source["GoMod"]).read_text(), version))
        shutil.copyfile(Path(source["Dir"]) / "go.sum", folder / "go.sum")
        module = GoModule(folder, tags=from_go.MODULE.tags)
        packages = {program: from_go.CONTROL_PLANE[program] for program in _BUILT}
        module.complete(go, list(packages.values()), say)
        module.build(go, into, say, packages, from_go.version_flags(version))
    shutil.copy2(etcd, into / "etcd")
    (into / "VERSION").write_text(version + "\n")


def go_mod(own: str, version: str) -> str:
    """The go.mod of a module that builds a release: the release's own, with published modules for the staged ones."""
    staged = f"v0.{version.removeprefix('v1.')}"
    text = _NAME.sub("module kotsapp.dev/localworld/kubernetes", own, count=1)
    text = _STAGED.sub(rf"=> \1 {staged}", text)
    text = _STAGED_REQUIRED.sub(rf"\1 {staged}", text)
    return f"{text}\nrequire {_MODULE} {version}\n"


def _downloaded(go: str, version: str) -> dict[str, str]:
    argv = [go, "mod", "download", "-json", f"{_MODULE}@{version}"]
    with tempfile.TemporaryDirectory() as outside:  # of any module
        done = subprocess.run(argv, cwd=outside, capture_output=True, text=True, check=False)
    try:
        answer: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        answer = {"Error": done.stderr.strip()}
    if done.returncode or "Dir" not in answer:
        raise BuildError(f"{_MODULE}@{version} can't be fetched: {answer.get('Error', done.stderr.strip())}")
    return answer

"""Flux's source- and kustomize-controller, and sops with age for what they decrypt, built from Go modules."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache
from localworld.programs.go_module import BuildError, GoModule

if TYPE_CHECKING:
    from localworld.progress import Progress

MODULE = GoModule(Path(__file__).resolve().parents[1] / "fluxcontrollers")
_KUSTOMIZE = "github.com/fluxcd/kustomize-controller"
_SOURCE = "github.com/fluxcd/source-controller"
# kustomize-controller first: the others share most of its packages.
_PROGRAMS = {
    "kustomize-controller": _KUSTOMIZE,
    "source-controller": _SOURCE,
    "sops": "github.com/getsops/sops/v3/cmd/sops",
    "age-keygen": "filippo.io/age/cmd/age-keygen",
}
# Their definitions are where their own repositories keep them.
_DEFINITIONS = "config/crd/bases"
_WANTED_DEFINITIONS = (
    "kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    "source.toolkit.fluxcd.io_gitrepositories.yaml",
)
# Of source-controller's kinds GitRepository alone is reconciled: the others want 909 packages more, for helm, cosign,
# notation and the clouds' storage. So these reconcilers go, and the file that starts them all gives way to ours.
_LEFT_OUT = ("bucket", "helmchart", "helmrepository", "ocirepository")
_MAIN = "source_controller.go"


@dataclass(frozen=True, slots=True)
class FluxPrograms:
    """The folder that holds each under its own name."""

    folder: Path

    @property
    def kustomize_controller(self) -> Path:
        return self.folder / "kustomize-controller"

    @property
    def source_controller(self) -> Path:
        return self.folder / "source-controller"

    @property
    def sops(self) -> Path:
        return self.folder / "sops"

    @property
    def age_keygen(self) -> Path:
        return self.folder / "age-keygen"


def version() -> str:
    """The release of kustomize-controller that go.mod pins, such as `v1.9.0`."""
    return MODULE.required(_KUSTOMIZE)


def definitions(say: Progress) -> Path:
    """The folder of both controllers' CustomResourceDefinitions, fetched the first time; BuildError when that fails."""
    return cache.ensure(_definitions_name(), _WANTED_DEFINITIONS, _fetch_definitions, say)


def definitions_cached() -> bool:
    """Whether an earlier run fetched them."""
    return (cache.root() / _definitions_name()).is_dir()


def _definitions_name() -> str:
    return f"flux-definitions/{version()}-{MODULE.pins()}"


def missing() -> str | None:
    """Why neither can be had on this machine, in a line; None when they can."""
    if MODULE.toolchain():
        return None
    return "Flux can't be built or fetched here: install Go {}.{} or newer".format(*MODULE.needed_go())


def ensure(say: Progress) -> FluxPrograms:
    """Find or build the programs, some 2,000 packages the first time; BuildError when that fails."""
    name = f"flux/{version()}-{MODULE.pins()}"
    return FluxPrograms(cache.ensure(name, _PROGRAMS, lambda into: _build(into, say), say))


def _go() -> str:
    if why := missing():
        raise BuildError(why)
    return MODULE.toolchain() or "go"


def _fetch_definitions(into: Path) -> None:
    for module in (_KUSTOMIZE, _SOURCE):
        for file in (MODULE.source(_go(), module) / _DEFINITIONS).glob("*.yaml"):
            # The modules' files can't be written; what is removed with its folder should be.
            shutil.copyfile(file, into / file.name)


def _build(into: Path, say: Progress) -> None:
    go = _go()
    with tempfile.TemporaryDirectory(prefix=".flux.", dir=into.parent) as folder:
        _git_alone(go, Path(folder)).build(go, into, say, _PROGRAMS)


def _git_alone(go: str, folder: Path) -> GoModule:
    """The module with a source-controller of GitRepositories: its own files, but for those of the other kinds."""
    source = folder / "source-controller"
    shutil.copytree(MODULE.source(go, _SOURCE), source, copy_function=shutil.copyfile)
    for path in (source, *source.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    for kind in _LEFT_OUT:
        (source / f"internal/controller/{kind}_controller.go").unlink()
    shutil.copyfile(MODULE.folder / _MAIN, source / "main.go")
    (folder / "go.mod").write_text(f"{(MODULE.folder / 'go.mod').read_text()}\nreplace {_SOURCE} => ./{source.name}\n")
    shutil.copyfile(MODULE.folder / "go.sum", folder / "go.sum")
    return GoModule(folder)

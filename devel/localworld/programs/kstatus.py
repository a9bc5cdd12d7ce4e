"""The `kstatus` command: kstatus as its own Go module has it, over one object a line (`devel/localworld/kstatus`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache
from localworld.programs.go_module import GoModule

if TYPE_CHECKING:
    from localworld.progress import Progress

MODULE = GoModule(Path(__file__).resolve().parents[1] / "kstatus")
_LIBRARY = "sigs.k8s.io/cli-utils"


def missing() -> str | None:
    """Why it can't be had on this machine, in a line; None when it can."""
    if _folder_of_cache().joinpath("kstatus").is_file() or MODULE.toolchain():
        return None
    return "kstatus can't be built here: install Go {}.{} or newer".format(*MODULE.needed_go())


def ensure(say: Progress) -> Path:
    """Find or build it, half a minute the first time; BuildError when that fails."""
    return cache.ensure(_cache_name(), ["kstatus"], lambda into: _build(into, say), say) / "kstatus"


def _build(into: Path, say: Progress) -> None:
    MODULE.build(MODULE.toolchain() or "go", into, say, {"kstatus": "."})


def _cache_name() -> str:
    return f"kstatus/{MODULE.required(_LIBRARY)}-{MODULE.pins()}"


def _folder_of_cache() -> Path:
    return cache.root() / _cache_name()

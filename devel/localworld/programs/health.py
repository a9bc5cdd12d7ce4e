"""Small programs around the libraries by which tools tell an object's health: kstatus, and Flux's own.

Each is a Go module of its own, since the libraries pin different versions; so both have the same loop over objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache
from localworld.programs.go_module import GoModule

if TYPE_CHECKING:
    from localworld.progress import Progress

_MODULES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class HealthProgram:
    """A program that reads an object a line and writes its health; `library` is the module whose word it is."""

    name: str
    module: GoModule
    library: str

    def missing(self) -> str | None:
        """Why it can't be had on this machine, in a line; None when it can."""
        if self.cached or self.module.toolchain():
            return None
        return "{} can't be built here: install Go {}.{} or newer".format(self.name, *self.module.needed_go())

    @property
    def cached(self) -> bool:
        """Whether an earlier run built it."""
        return (cache.root() / self._cache_name / self.name).is_file()

    def ensure(self, say: Progress) -> Path:
        """Find or build it, half a minute to some minutes the first time; BuildError when that fails."""
        return cache.ensure(self._cache_name, [self.name], lambda into: self._build(into, say), say) / self.name

    def _build(self, into: Path, say: Progress) -> None:
        self.module.build(self.module.toolchain() or "go", into, say, {self.name: "."})

    @property
    def _cache_name(self) -> str:
        return f"{self.name}/{self.module.required(self.library)}-{self.module.pins()}"


KSTATUS = HealthProgram("kstatus", GoModule(_MODULES / "kstatus"), "sigs.k8s.io/cli-utils")
FLUX_HEALTH = HealthProgram("flux-health", GoModule(_MODULES / "fluxhealth"), "github.com/fluxcd/pkg/runtime")

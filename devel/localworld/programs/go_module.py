"""Programs built from a pinned Go module: its go.mod fixes the versions, its go.sum their contents."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localworld.progress import Progress

_SAY_EVERY_SECONDS = 15.0


class BuildError(RuntimeError):
    """A build step failed; the message names the step and ends with its last lines of output."""


@dataclass(frozen=True, slots=True)
class GoModule:
    """A folder with go.mod and go.sum, and with which build tags its programs are built."""

    folder: Path
    tags: str = ""

    def required(self, module: str) -> str:
        """The version of a module that go.mod pins, such as `v1.37.2`; BuildError when it pins none."""
        found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\d+\.\d+\.\d+)", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.folder / 'go.mod'}: no version of {module} is required there")
        return found.group(1)

    def needed_go(self) -> tuple[int, int]:
        """The Go release that go.mod asks for, as (major, minor)."""
        found = re.search(r"^go (\d+)\.(\d+)", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.folder / 'go.mod'}: no go line there")
        return int(found.group(1)), int(found.group(2))

    def toolchain(self) -> str | None:
        """The `go` command, when it is there and new enough for the module; else None."""
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
        if go is None:
            return None
        found = re.match(r"go(\d+)\.(\d+)", _output([go, "env", "GOVERSION"]))
        if found is None or (int(found.group(1)), int(found.group(2))) < self.needed_go():
            return None
        return go

    def pins(self) -> str:
        """What pins the build, as eight digits: other ones are another build. Its own sources count, too."""
        files = [self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]

    def build(self, go: str, into: Path, say: Progress, programs: Mapping[str, str], variables: str = "") -> None:
        """Build every program, by its package, into the folder; BuildError when a step fails.

        `variables` are flags of the linker (`-X …`) that a release build of the programs sets.
        """
        # All modules first: what can't be fetched is told before minutes were spent.
        packages = {program: self._resolve(go, program, package, say) for program, package in programs.items()}
        for program, package in programs.items():
            argv = [
                *(go, "build", "-v", "-mod=readonly", "-trimpath", "-tags", self.tags),
                *("-ldflags", f"-s -w {variables}".rstrip()),
                *("-o", str(into / program), package),
            ]
            self._run(argv, f"building {program}", say, packages[program])

    def complete(self, go: str, packages: Sequence[str], say: Progress) -> None:
        """Write what go.mod and go.sum lack for these packages, as Go's checksum database has it; BuildError."""
        # Empty lines for packages: what Go says of those that it can't fetch stands between them.
        argv = [go, "list", "-mod=mod", "-tags", self.tags, "-deps", "-f", "{{with .Error}}{{.}}{{end}}", *packages]
        self._run(argv, f"fetching the modules of {len(packages)} programs", say)

    def source(self, go: str, module: str) -> Path:
        """The folder of a required module's own files, fetched where it is not there; BuildError when it can't be."""
        done = subprocess.run(
            [go, "mod", "download", "-json", module],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            return Path(json.loads(done.stdout)["Dir"])
        except (ValueError, KeyError):
            said = done.stderr.strip() or done.stdout.strip() or "it has no folder"
            raise BuildError(f"finding the files of {module}: {said}") from None

    def _resolve(self, go: str, program: str, package: str, say: Progress) -> int:
        """Download the modules of a program and count its packages."""
        argv = [go, "list", "-mod=readonly", "-tags", self.tags, "-deps", package]
        return self._run(argv, f"fetching the modules of {program}", say)

    def _run(self, argv: list[str], what: str, say: Progress, packages: int | None = None) -> int:
        """Run one Go command, say how far it is from time to time; the number of lines it printed."""
        began = said = time.monotonic()
        lines: list[str] = []
        with subprocess.Popen(
            argv,
            cwd=self.folder,
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
            end = "\n".join([line for line in lines if line][-20:])
            raise BuildError(f"{what}: {' '.join(argv[:2])} exited with {process.returncode}\n{end}")
        say(f"{what} ({time.monotonic() - began:.1f} s)")
        return sum(not line.startswith("go: ") for line in lines)

    def _go_mod(self) -> str:
        return (self.folder / "go.mod").read_text()


def _environment() -> dict[str, str]:
    # An outer workspace or flag file must not change what is built.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}


def _output(argv: list[str]) -> str:
    # GOTOOLCHAIN=local: what is installed counts, not what go might download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    return done.stdout.strip()

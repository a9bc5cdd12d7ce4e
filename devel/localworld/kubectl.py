"""kubectl, as a person would run it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from localworld.patience import crowding, patience
from localworld.process import ProcessError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CACHE = "kubectl-cache"
_TIMEOUT = re.compile(r"--timeout=(\d+)s")


def run_kubectl(
    program: Path, kubeconfig: Path, args: Sequence[str], *, stdin: str | None, check: bool, seconds: float
) -> str:
    """What it printed on stdout.

    What it keeps of a server's kinds for hours is kept beside the kubeconfig: in the home folder it goes by the
    address, which may have been an earlier world's.

    Raises ProcessError, with its stderr, when it exits with something other than 0 and `check` is on.
    """
    done = subprocess.run(
        [str(program), *(_patient(args) if {"wait", "rollout"} & set(args) else args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds * patience(),
        check=False,
        env={
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(kubeconfig.parent / CACHE),
            # A world is on this machine: no proxy of the environment leads there.
            "NO_PROXY": "*",
            "no_proxy": "*",
        },
    )
    if check and done.returncode:
        raise ProcessError(f"kubectl {' '.join(args)} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _patient(args: Sequence[str]) -> list[str]:
    """What kubectl itself waits for takes longer on a busy machine, too."""
    return [_TIMEOUT.sub(lambda given: f"--timeout={int(given[1]) * crowding():.0f}s", arg) for arg in args]

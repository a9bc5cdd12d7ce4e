"""Whether this machine can run a real node, and if not, what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

from localworld.programs import from_go
from localworld.realnode import cgroups

_TRIED = """
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/merged
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work none /mnt/merged
ip link add one type veth peer name two
ip link add three type bridge
"""
# Everything that the node's namespaces are made with, tried at once and gone at once.
_TRIAL = (
    *("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc"),
    *("--propagation", "private", "sh", "-ec"),
    _TRIED,
)
_TRIAL_SECONDS = 60


def missing() -> str | None:
    """What keeps this machine from running a real node, in one line; None when nothing does."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"a real node needs Linux on amd64, this is {platform.system()} on {platform.machine()}"
    if os.geteuid() != 0:
        return "a real node needs root"
    if tools := [tool for tool in ("apt-get", "dpkg", "ip", "unshare", "nsenter", "setpriv") if not shutil.which(tool)]:
        return f"a real node needs {', '.join(tools)} (Debian: apt, iproute2, util-linux)"
    if from_go.toolchain() is None:
        return "a real node needs Go {}.{} or newer, to build the kubelet".format(*from_go.needed_go())
    if not cgroups.hierarchies(cgroups.SELF):
        return "a real node needs cgroup v1 hierarchies; it was not made for cgroup v2 alone"
    done = subprocess.run(_TRIAL, capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False)
    if done.returncode:
        return f"a real node needs namespaces, overlayfs, veth and bridges: {done.stderr.strip()}"
    return None

"""The first process in the node's namespaces: mounts what the node's programs expect, starts them, and reaps.

`python -m localworld.realnode.inside SETTINGS DESCRIPTOR`, from `launch` alone; the descriptor is closed. When one of
the programs ends, everything does: a node half alive would only puzzle.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from localworld.realnode import cgroups
from localworld.realnode.settings import COVERED, RUN, Settings

# What kubelet would set for the whole machine, and insists on.
_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_SOCKET_SECONDS = 60.0
_POLL_SECONDS = 0.02


def main(file: str) -> NoReturn:
    """Start the node, and stay until one of its programs has ended or SIGTERM comes."""
    settings = Settings.read(file)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    hierarchies = cgroups.hierarchies(cgroups.SELF)
    mount_all(settings, hierarchies)
    subprocess.run(["hostname", settings.name], check=True)
    children = _start(settings)
    while True:
        pid, status = os.wait()
        if pid in children:
            print(f"{children[pid]} ended with {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)
            sys.exit(1)


def mount_all(settings: Settings, hierarchies: list[cgroups.Hierarchy]) -> None:
    """Show the programs a machine of their own; in this mount namespace alone."""
    scratch = settings.at("scratch")
    scratch.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "none", scratch)
    for name, value in _SYSCTLS.items():
        wanted = scratch / name.replace("/", ".")
        wanted.write_text(f"{value}\n")
        _mount("--bind", wanted, Path("/proc/sys", name))
    for folder in COVERED:
        parts = [scratch / f"{kind}{folder.replace('/', '-')}" for kind in ("upper", "work")]
        for part in parts:
            part.mkdir()
        layers = f"lowerdir={folder},upperdir={parts[0]},workdir={parts[1]}"
        _mount("-t", "overlay", "-o", layers, "overlay", Path(folder))
    _mount("-t", "tmpfs", "-o", "mode=0755", "none", Path(RUN))
    # As this network and these control groups are seen from in here.
    _mount("-t", "sysfs", "none", Path("/sys"))
    _mount("-t", "tmpfs", "-o", "mode=0755", "none", Path("/sys/fs/cgroup"))
    for hierarchy in hierarchies:
        hierarchy.mounted.mkdir(parents=True)
        options = ["-o", hierarchy.options] if hierarchy.options else []
        _mount("-t", hierarchy.kind, *options, "none", hierarchy.mounted)


def _start(settings: Settings) -> dict[int, str]:
    """Start every program; their names by process id."""
    kubernetes = Path(settings.kubernetes)
    environment = {
        "PATH": ":".join(
            [f"{settings.debian}/usr/bin", f"{settings.debian}/usr/sbin", os.environ["PATH"], "/usr/sbin", "/sbin"]
        ),
        "HOME": "/root",
    }
    own_libraries = environment | {"LD_LIBRARY_PATH": settings.libraries}
    running = {}

    def start(name: str, *argv: str | Path, env: dict[str, str] = environment) -> None:
        with settings.at("logs", f"{name}.log").open("ab") as log:
            process = subprocess.Popen([str(part) for part in argv], env=env, stdout=log, stderr=log)
        running[process.pid] = name

    debian = Path(settings.debian)
    containerd = debian / "usr/bin/containerd"
    start("containerd", containerd, "--config", settings.at("containerd.toml"), env=own_libraries)
    start("kube-proxy", kubernetes / "kube-proxy", f"--config={settings.at('kube-proxy.yaml')}", env=own_libraries)
    start("dnsmasq", debian / "usr/sbin/dnsmasq", *_dnsmasq_flags(settings), env=own_libraries)
    python = {**environment, "PYTHONPATH": os.environ["PYTHONPATH"]}
    start("dns", sys.executable, "-m", "localworld.realnode.dns", settings.at("settings.json"), env=python)
    _wait_for(Path("/run/containerd/containerd.sock"))
    start(
        "kubelet",
        kubernetes / "kubelet",
        f"--config={settings.at('kubelet.yaml')}",
        f"--kubeconfig={settings.at('kubelet.kubeconfig')}",
        f"--hostname-override={settings.name}",
        f"--node-ip={settings.address}",
        f"--root-dir={settings.at('kubelet')}",
        f"--cert-dir={settings.at('kubelet-pki')}",
    )
    return running


def _dnsmasq_flags(settings: Settings) -> list[str]:
    return [
        *("--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--pid-file="),
        *("--no-resolv", "--no-hosts", f"--hostsdir={settings.at('dns')}", "--bind-interfaces"),
        # It answers for everything itself: a name that it does not know does not exist.
        *(f"--listen-address={settings.address}", "--local=/#/", "--local-ttl=1"),
    ]


def _wait_for(socket: Path) -> None:
    end = time.monotonic() + _SOCKET_SECONDS
    while not socket.exists():
        if time.monotonic() > end:
            sys.exit(f"{socket} was not there after {_SOCKET_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    os.close(int(sys.argv[2]))
    main(sys.argv[1])

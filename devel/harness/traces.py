"""What a world with a real node leaves on the machine: nothing, once it has ended."""

from dataclasses import dataclass
from pathlib import Path

from localworld.realnode import cgroups

_SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")
_PLACES = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/etc/cni", "/run/containerd")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the programs of a node would change for the whole machine; other worlds may run on it meanwhile."""

    sysctls: tuple[str, ...]
    places: tuple[bool, ...]

    @classmethod
    def seen(cls) -> "Machine":
        return cls(
            tuple(Path("/proc/sys", name).read_text() for name in _SYSCTLS),
            tuple(Path(place).exists() for place in _PLACES),
        )


def traces_of(folder: Path, number: int) -> list[str]:
    """Links, control groups, mounts and processes of the world in that folder, whose network has that number."""
    groups = [
        str(group)
        for hierarchy in cgroups.hierarchies(cgroups.SELF)
        if (group := hierarchy.own / f"localworld-{number}").exists()
    ]
    links = [str(link) for link in Path("/sys/class/net").glob(f"localworld{number}")]
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [*links, *groups, *(mount for mount in mounts if f"{mount}/".startswith(f"{folder}/")), *_processes(folder)]


def _processes(folder: Path) -> list[str]:
    """The command lines of those that have the folder in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words:
            found.append(words)
    return found

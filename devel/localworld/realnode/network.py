"""The node's network: a namespace that one link joins to this machine, and from which nothing goes any further."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localworld.process import ProcessError

# Set aside for tests of networks (RFC 2544), so nobody's own network: each world has a /30 for its link and a /24 for
# its pods there.
_LINK_RANGE, _POD_RANGE = "198.18", "198.19"
_MOST_WORLDS = 250
_LINK = "localworld{number}"


@dataclass(frozen=True, slots=True)
class Network:
    """The two ends of the link, and the network namespace, held open by a descriptor of this process.

    There is no default route in the namespace: what is neither a pod nor this machine's end can't be reached. The
    namespace, and with it the link, goes when it is closed or this process ends, and no process of the node is left.
    """

    number: int
    descriptor: int

    @classmethod
    def make(cls) -> Network:
        """Make the namespace and the link; ProcessError with ip's own words when that fails."""
        with subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo made; read -r _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stderr is not None
            if holder.stdout.readline() != "made\n":
                raise ProcessError(f"no network namespace could be made: {holder.stderr.read().strip()}")
            descriptor = os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY)
            try:
                network = cls(_linked(holder.pid), descriptor)
                network._configure()
            except BaseException:
                os.close(descriptor)
                raise
        return network

    @property
    def address(self) -> str:
        """This machine's address at the link: what pods and the kubelet reach the world by."""
        return f"{_LINK_RANGE}.{self.number}.1"

    @property
    def node_address(self) -> str:
        """The node's."""
        return f"{_LINK_RANGE}.{self.number}.2"

    @property
    def pods(self) -> str:
        """The range of the pods' addresses."""
        return f"{_POD_RANGE}.{self.number}.0/24"

    @property
    def path(self) -> str:
        """The namespace as a file, for nsenter, as long as this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def close(self) -> None:
        """Take the link away and let go of the namespace."""
        subprocess.run(["ip", "link", "delete", _LINK.format(number=self.number)], capture_output=True, check=False)
        os.close(self.descriptor)

    def _configure(self) -> None:
        link = _LINK.format(number=self.number)
        _run("ip", "address", "add", f"{self.address}/30", "dev", link)
        _run("ip", "link", "set", link, "up")
        inside = ("nsenter", f"--net={self.path}")
        _run(*inside, "ip", "link", "set", "lo", "up")
        _run(*inside, "ip", "address", "add", f"{self.node_address}/30", "dev", "eth0")
        _run(*inside, "ip", "link", "set", "eth0", "up")
        _run(*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        # Pods are not hidden behind the node's address: registries see who asks.
        _run("ip", "route", "add", self.pods, "via", self.node_address, "dev", link)


def _linked(pid: int) -> int:
    """Make a link between here and the process's namespace; the number that was free."""
    errors = ""
    for number in range(1, _MOST_WORLDS):
        argv = ["ip", "link", "add", _LINK.format(number=number), "type", "veth"]
        argv += ["peer", "name", "eth0", "netns", str(pid)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return number
        errors = done.stderr.strip()
        if not Path("/sys/class/net", _LINK.format(number=number)).exists():
            break
    raise ProcessError(f"no link to the node's network could be made: {errors}")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProcessError(f"{' '.join(argv)} exited with {done.returncode}: {done.stderr.strip()}")

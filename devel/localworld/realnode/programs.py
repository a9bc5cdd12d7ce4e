"""The programs of a real node: Debian's, unpacked and not installed, and Kubernetes' own, built from Go modules."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.programs import cache, from_go
from localworld.programs.apt import Workshop
from localworld.programs.binaries import BinariesError
from localworld.progress import step

if TYPE_CHECKING:
    from localworld.progress import Progress

_PACKAGES = (
    *("containerd", "runc", "containernetworking-plugins", "busybox-static", "catatonit"),
    *("dnsmasq-base", "nftables"),
    # What those need that a small machine may lack; they are found beside them.
    *("libnftables1", "libnftnl11", "libjansson4", "libxtables12", "libmnl0", "libgmp10", "libnettle8", "libhogweed6"),
    *("libseccomp2", "libedit2", "libbsd0", "libmd0"),
)
_WANTED = ("usr/bin/containerd", "usr/sbin/runc", "usr/lib/cni/bridge", "bin/busybox", "usr/bin/catatonit")


@dataclass(frozen=True, slots=True)
class NodePrograms:
    """`debian` is a root folder of unpacked packages, `kubernetes` holds kubelet, kube-proxy and kube-scheduler."""

    debian: Path
    kubernetes: Path

    @property
    def busybox(self) -> Path:
        """A static busybox."""
        return self.debian / "bin/busybox"

    @property
    def pause(self) -> Path:
        """A static program that waits, and reaps, as its `-P` says."""
        return self.debian / "usr/bin/catatonit"

    @property
    def libraries(self) -> Path:
        """The folder of the unpacked libraries."""
        return next((self.debian / "usr/lib").glob("*-linux-gnu"))


def ensure(say: Progress) -> NodePrograms:
    """Find or make them, minutes the first time; BinariesError, AptError or BuildError when that can't be done."""
    go = from_go.toolchain()
    if go is None:
        raise BinariesError("no kubelet: install Go {}.{} or newer".format(*from_go.needed_go()))

    def unpack(into: Path) -> None:
        with (
            step(say, "Debian's containerd and what belongs to it unpacked"),
            tempfile.TemporaryDirectory(prefix=".apt.", dir=into.parent) as folder,
        ):
            Workshop(Path(folder)).unpack(_PACKAGES, into)

    return NodePrograms(
        debian=cache.ensure("debian/node", _WANTED, unpack, say),
        kubernetes=cache.ensure(
            from_go.cache_name("node"), from_go.NODE, lambda into: from_go.build(go, into, say, from_go.NODE), say
        ),
    )

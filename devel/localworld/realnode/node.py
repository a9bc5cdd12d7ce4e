"""The real node as a part of a world, to be started, disturbed and awaited as the stand-in is."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from localworld import kubeconfig
from localworld.node.process import NODE_NAME, node_is_ready
from localworld.ports import LOOPBACK, free_port
from localworld.process import Child, ProcessError
from localworld.realnode import cgroups, contents, settings

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.api import Api
    from localworld.controlplane import ApiServer
    from localworld.realnode.network import Network
    from localworld.realnode.programs import NodePrograms

_READY_SECONDS = 120.0


class Scheduler(Child):
    """kube-scheduler, on loopback."""

    def __init__(self, programs: NodePrograms, folder: Path, server: ApiServer) -> None:
        config = kubeconfig.write_for_certificate(
            folder / "scheduler.kubeconfig",
            server=server.url,
            ca=server.authority.pair.cert,
            pair=server.authority.client("system:kube-scheduler"),
        )
        serving = server.authority.server("scheduler")
        argv = [
            str(programs.kubernetes / "kube-scheduler"),
            f"--kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={free_port()}",
            f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}",
            "--leader-elect=false",
        ]
        super().__init__("kube-scheduler", argv, log=folder / "logs" / "kube-scheduler.log")


class RealNode(Child):
    """containerd, kubelet, kube-proxy and a cluster DNS in namespaces of their own; killing it kills every container.

    Started again it is the same node, after a power cut: images are still there, containers are started anew. Paused,
    its programs stand still and the containers run on.
    """

    def __init__(self, folder: Path, programs: NodePrograms, server: ApiServer, network: Network) -> None:
        if reason := settings.why_not(folder):
            raise ProcessError(reason)
        authority = server.authority
        kubelet = authority.client(f"system:node:{NODE_NAME}", ("system:nodes",))
        proxy = authority.client("system:kube-proxy")
        self.folder = folder / "node"
        self.folder.mkdir()
        for name, pair in (("kubelet", kubelet), ("kube-proxy", proxy)):
            kubeconfig.write_for_certificate(
                self.folder / f"{name}.kubeconfig", server=server.url, ca=authority.pair.cert, pair=pair
            )
        self._settings = settings.Settings(
            name=NODE_NAME,
            folder=str(self.folder),
            group=f"localworld-{network.number}",
            network=network.path,
            address=network.node_address,
            pods=network.pods,
            debian=str(programs.debian),
            libraries=str(programs.libraries),
            kubernetes=str(programs.kubernetes),
            server=server.url,
            ca=str(authority.pair.cert),
            kubelet_cert=str(kubelet.cert),
            kubelet_key=str(kubelet.key),
            proxy_cert=str(proxy.cert),
            proxy_key=str(proxy.key),
            pause=contents.PAUSE,
        )
        settings.write_all(self._settings)
        super().__init__(
            "real node",
            [sys.executable, "-m", "localworld.realnode.launch", self._settings.write()],
            log=folder / "logs" / "node.log",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def set_registries(self, endpoints: dict[str, str]) -> None:
        """Where each host's images are, from the next pull on."""
        settings.write_registries(self.folder / "certs.d", endpoints)

    def kill(self) -> None:
        """End everything that runs on the node at once, and see its control groups gone."""
        super().kill()
        cgroups.remove([hierarchy.own / self._settings.group for hierarchy in cgroups.hierarchies(cgroups.SELF)])

    def wait_ready(self, api: Api) -> None:
        """Wait until the Node object is Ready and takes pods."""
        self.wait_until(lambda: node_is_ready(api), seconds=_READY_SECONDS)

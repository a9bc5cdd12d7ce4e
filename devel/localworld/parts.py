"""The parts of a world: made in the order in which they need each other, brought up, ended."""

from __future__ import annotations

import functools
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from localworld import kubeconfig, release_server
from localworld.api import Api, ApiError
from localworld.controlplane import ApiServer, ControllerManager, Etcd, ServerOptions, admin_pair
from localworld.folder import MARKER, fresh
from localworld.node.process import NodeProcess
from localworld.ports import LOOPBACK
from localworld.progress import Progress, step
from localworld.realnode import contents
from localworld.realnode.network import Network
from localworld.realnode.node import RealNode, Scheduler
from localworld.registries.registries import Registries, greeting
from localworld.release_server import ReleaseServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localworld.process import Child
    from localworld.programs import binaries as programs
    from localworld.realnode.programs import NodePrograms

_CONTROLLERS_SECONDS = 60.0
_NO_TOKEN_SECRETS_MINOR = 24


class Parts:
    """A control plane, registries, a release service and a node, in one folder. Nothing runs before `bring_up`."""

    def __init__(
        self,
        folder: Path,
        programs_: programs.Binaries,
        *,
        audit: bool,
        node: bool,
        pulls: bool,
        apiserver_flags: Sequence[str],
        node_programs: NodePrograms | None,
    ) -> None:
        self.folder = fresh(folder)
        self.programs = programs_
        self.version = programs_.version
        self.network = Network.make() if node_programs else None
        address = self.network.address if self.network else LOOPBACK
        self.audit_log = self.folder / "audit.log" if audit else None
        contents_of = functools.partial(contents.of, node_programs) if node_programs else greeting
        self.registries = Registries(programs_, self.folder, address, contents_of)
        self.releases = ReleaseServer(address)
        self.registries.add_endpoint(release_server.HOST, self.releases.endpoint)
        self.etcd = Etcd(programs_, self.folder)
        options = ServerOptions(audit_log=self.audit_log, address=address, extra=tuple(apiserver_flags))
        self.apiserver = ApiServer(programs_, self.folder, self.etcd.url, options)
        self.server = self.apiserver.url
        self.ca = self.apiserver.authority.pair.cert
        self.kubeconfig = self.folder / "kubeconfig"
        pair = admin_pair(self.apiserver)
        kubeconfig.write_for_certificate(self.kubeconfig, server=self.server, ca=self.ca, pair=pair)
        self.api = Api(self.server, self.ca, pair)
        self.controller_manager = ControllerManager(programs_, self.folder, self.apiserver)
        self.scheduler: Scheduler | None = None
        self.node: NodeProcess | RealNode | None = None
        if node_programs and self.network:
            self.scheduler = Scheduler(node_programs, self.folder, self.apiserver)
            self.node = RealNode(self.folder, node_programs, self.apiserver, self.network)
            self.registries.follow(self.node.set_registries)
        elif node:
            self.node = NodeProcess(self.folder, programs_.skopeo, self.apiserver, pulls=pulls)

    @property
    def children(self) -> list[Child]:
        """Every process of the world, in the order of their start."""
        parts: list[Child | None] = [self.etcd, *self.registries.children, self.apiserver]
        parts += [self.controller_manager, self.scheduler, self.node]
        return [part for part in parts if part is not None]

    def bring_up(self, say: Progress) -> None:
        began = time.monotonic()
        with step(say, "etcd and registries are up"):
            self.etcd.start()
            self.registries.start()
            self.releases.start()
            self.etcd.wait_ready()
            self.apiserver.start()
            self.registries.wait_ready()
        with step(say, f"kube-apiserver {self.version} is ready"):
            self.apiserver.wait_ready(self.api)
        with step(say, "controllers and the node are ready"):
            self.controller_manager.start()
            if self.network is not None:
                self.registries.push(contents.PAUSE)
            for part in (self.scheduler, self.node):
                if part is not None:
                    part.start()
            self.controller_manager.wait_until(self._controllers_work, seconds=_CONTROLLERS_SECONDS)
            if self.node is not None:
                self.node.wait_ready(self.api)
        say(f"the world is up ({time.monotonic() - began:.1f} s)")
        (self.folder / MARKER).write_text(json.dumps(self._description(), indent=1))

    def _controllers_work(self) -> bool:
        """Whether pods can be made: the default namespace has its ServiceAccount."""
        with suppress(ApiError, httpx.TransportError):
            return self.usable(self.api.get("/api/v1/namespaces/default/serviceaccounts/default"))
        return False

    def _description(self) -> dict[str, object]:
        return {
            "version": self.version,
            "server": self.server,
            "kubeconfig": str(self.kubeconfig),
            "registries": self.registries.endpoints,
            "processes": {child.name: child.pid for child in self.children},
        }

    def usable(self, account: dict[str, Any]) -> bool:
        # Before 1.24 admission refuses pods until the controllers have made the account's token Secret.
        return self.programs.minor >= _NO_TOKEN_SECRETS_MINOR or bool(account.get("secrets"))

    def stop(self) -> None:
        """End every process. Doing it twice is harmless."""
        for child in reversed(self.children):
            child.stop()
        self.registries.stop()
        self.releases.stop()
        self.api.close()
        if self.network is not None:
            self.network.close()

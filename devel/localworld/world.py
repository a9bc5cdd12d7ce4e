"""A whole small world on loopback: a control plane, registries, and a node that really pulls images."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from localworld import kubeconfig, layout, release_server
from localworld.api import Api, ApiError
from localworld.controlplane import ApiServer, ControllerManager, Etcd, ServerOptions, admin_pair
from localworld.folder import MARKER, fresh
from localworld.kubectl import run_kubectl
from localworld.node.process import NodeProcess
from localworld.ports import LOOPBACK
from localworld.process import Child, ProcessError
from localworld.programs import binaries as programs
from localworld.progress import Progress, silent, step
from localworld.realnode import ability, contents
from localworld.realnode import programs as realnode_programs
from localworld.realnode.network import Network
from localworld.realnode.node import RealNode, Scheduler
from localworld.registries.registries import Registries, greeting
from localworld.release_server import ReleaseServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from localworld.realnode.programs import NodePrograms

_CONTROLLERS_SECONDS = 60.0
_NO_TOKEN_SECRETS_MINOR = 24
_TOKEN_LIFETIME_SECONDS = 24 * 3600


class World:
    """One world in one folder. `with World.start(folder) as world:` stops it at the end.

    The parts are there to be disturbed: `etcd`, `apiserver`, `controller_manager`, `node` and
    `registries[HOST]` can each be paused, resumed and killed; `restart_*` brings them back as they were. `releases`
    is the vendors' release service, which answers what it is told to.
    """

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

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        audit: bool = False,
        node: bool | Literal["real"] = True,
        pulls: bool = True,
        licenses: Iterable[str] = (),
        samples: bool = False,
        apiserver_flags: Sequence[str] = (),
        say: Progress = silent,
    ) -> Self:
        """Start a world and wait until it works; programs that are missing are made first, which takes minutes once.

        `folder` is emptied if it holds an earlier world and refused if it holds anything else; without one, a
        temporary folder is made, and removed by `stop`. `audit` writes one JSON line a request to `audit_log`.
        The node is the stand-in, or none, or with `node="real"` one that runs containers, where the machine can.
        `pulls=False` lets the stand-in run every pod without asking a registry. `licenses` may pull everything from
        the proxy and the vendor registry. `samples` pushes the images of `layout.SAMPLE_*`.

        Raises ProcessError when a part does not come up, and what `binaries.ensure` raises.
        """
        if node == "real" and (missing := ability.missing()):
            raise ProcessError(missing)
        found = programs.ensure(say)
        node_programs = realnode_programs.ensure(say) if node == "real" else None
        temporary = folder is None
        home = Path(tempfile.mkdtemp(prefix="localworld-")) if folder is None else Path(folder)
        world = cls(
            home,
            found,
            audit=audit,
            node=bool(node),
            pulls=pulls,
            apiserver_flags=apiserver_flags,
            node_programs=node_programs,
        )
        world._temporary = temporary
        try:
            world._bring_up(say)
            for license_id in licenses:
                world.registries.allow_license(license_id)
            if samples:
                world.push_samples()
        except BaseException:
            world.stop(keep=True)
            raise
        return world

    _temporary = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self, *, keep: bool = False) -> None:
        """End every process; the folder goes if it was a temporary one, unless `keep`. Doing it twice is harmless."""
        for child in reversed(self.children):
            child.stop()
        self.registries.stop()
        self.releases.stop()
        self.api.close()
        if self.network is not None:
            self.network.close()
        if self._temporary and not keep:
            self.remove()

    def remove(self) -> None:
        """Remove the folder of a stopped world, logs and all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def children(self) -> list[Child]:
        """Every process of the world, in the order of their start."""
        parts: list[Child | None] = [self.etcd, *self.registries.children, self.apiserver]
        parts += [self.controller_manager, self.scheduler, self.node]
        return [part for part in parts if part is not None]

    @property
    def registries_file(self) -> Path:
        """The file for `--registries`: every stood-in host and where it really is."""
        return self.registries.file

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True, seconds: float = 120) -> str:
        """Run kubectl as the administrator; what it printed on stdout.

        Raises ProcessError, with its stderr, when it exits with something other than 0 and `check` is on.
        """
        return run_kubectl(self.programs.kubectl, self.kubeconfig, args, stdin=stdin, check=check, seconds=seconds)

    def push_image(self, reference: str, *, multi_arch: bool = False, proxied_for: str | None = None) -> str:
        """Push a tiny real image for the reference to its stand-in registry; its digest.

        With `proxied_for`, an app slug, the proxy serves it too, under `proxy/SLUG/REFERENCE`.
        """
        digest = self.registries.push(reference, multi_arch=multi_arch)
        if proxied_for is not None:
            self.registries.push(f"{layout.PROXY}/proxy/{proxied_for}/{reference}", multi_arch=multi_arch)
        return digest

    def push_samples(self) -> None:
        """Push the sample images, and let the sample license pull those of the sample app."""
        for reference in layout.SAMPLE_PUBLIC + layout.SAMPLE_VENDOR:
            self.push_image(reference)
        for reference in layout.SAMPLE_PRIVATE:
            self.push_image(reference, proxied_for=layout.SAMPLE_SLUG)
        self.registries.allow_license(layout.SAMPLE_LICENSE, [layout.SAMPLE_SLUG])

    def allow_license(self, license_id: str, slugs: Iterable[str] = ()) -> None:
        """Let the license pull from the proxy and the vendor registry: the apps named, or everything."""
        self.registries.allow_license(license_id, slugs)

    def deny_license(self, license_id: str) -> None:
        """Refuse the license from now on."""
        self.registries.deny_license(license_id)

    def create_namespace(self, name: str) -> None:
        """Create the namespace, unless it is there, and wait for its default ServiceAccount."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.api.create("/api/v1/namespaces", body, exists_ok=True)
        self.wait_for_service_account(name, "default")

    def wait_for_service_account(self, namespace: str, name: str) -> None:
        """Wait until pods can be made under the ServiceAccount."""
        self.api.wait(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", self._usable)

    def _usable(self, account: dict[str, Any]) -> bool:
        # Before 1.24 admission refuses pods until the controllers have made the account's token Secret.
        return self.programs.minor >= _NO_TOKEN_SECRETS_MINOR or bool(account.get("secrets"))

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of that ServiceAccount, valid for a day; ApiError 404 when there is none."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.api.create(
            path,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": _TOKEN_LIFETIME_SECONDS},
            },
        )
        return kubeconfig.write_for_token(
            self.folder / f"{namespace}-{name}.kubeconfig",
            server=self.server,
            ca=self.ca,
            token=answer["status"]["token"],
            namespace=namespace,
        )

    def kubeconfig_for_user(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig with a client certificate for the user and groups."""
        pair = self.apiserver.authority.client(user, groups)
        path = self.folder / f"{pair.cert.stem}.kubeconfig"
        return kubeconfig.write_for_certificate(path, server=self.server, ca=self.ca, pair=pair)

    def restart_apiserver(self) -> None:
        """Kill the API server and start it again on the same port."""
        self.apiserver.restart(self.api)

    def restart_etcd(self) -> None:
        """Kill etcd and start it again on the same port, with its data."""
        self.etcd.restart()

    def restart_controller_manager(self) -> None:
        """Kill the controller manager and start it again."""
        self.controller_manager.kill()
        self.controller_manager.start()

    def _bring_up(self, say: Progress) -> None:
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
                self.push_image(contents.PAUSE)
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
            return self._usable(self.api.get("/api/v1/namespaces/default/serviceaccounts/default"))
        return False

    def _description(self) -> dict[str, object]:
        return {
            "version": self.version,
            "server": self.server,
            "kubeconfig": str(self.kubeconfig),
            "registries": self.registries.endpoints,
            "processes": {child.name: child.pid for child in self.children},
        }

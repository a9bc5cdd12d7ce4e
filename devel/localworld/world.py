"""A whole small world on loopback: a control plane, registries, and a node that really pulls images."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from localworld import kubeconfig, layout
from localworld.kubectl import run_kubectl
from localworld.parts import Parts
from localworld.process import ProcessError
from localworld.programs import binaries as programs
from localworld.progress import Progress, silent
from localworld.realnode import ability
from localworld.realnode import programs as realnode_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_TOKEN_LIFETIME_SECONDS = 24 * 3600


class World(Parts):
    """One world in one folder. `with World.start(folder) as world:` stops it at the end.

    The parts are there to be disturbed: `etcd`, `apiserver`, `controller_manager`, `node` and
    `registries[HOST]` can each be paused, resumed and killed; `restart_*` brings them back as they were. `releases`
    is the vendors' release service, which answers what it is told to.
    """

    _temporary = False

    # More parameters than a function should have: each is something that a test may want of its world.
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
            world.bring_up(say)
            for license_id in licenses:
                world.registries.allow_license(license_id)
            if samples:
                world.push_samples()
        except BaseException:
            world.stop(keep=True)
            raise
        return world

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, *, keep: bool = False) -> None:
        """End every process; the folder goes if it was a temporary one, unless `keep`. Doing it twice is harmless."""
        super().stop()
        if self._temporary and not keep:
            self.remove()

    def remove(self) -> None:
        """Remove the folder of a stopped world, logs and all."""
        shutil.rmtree(self.folder, ignore_errors=True)

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
        self.api.wait(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", self.usable)

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

"""Flux's source- and kustomize-controller at work on a world, as two processes of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import httpx

from localworld.ports import LOOPBACK, free_port
from localworld.process import Child
from localworld.programs import flux
from localworld.progress import silent

if TYPE_CHECKING:
    from localworld.programs.flux import FluxPrograms
    from localworld.world import World

NAMESPACE = "flux-system"
_READY_SECONDS = 60.0
# What waits for another Kustomization looks again after this time; Flux's default is 30 s.
_DEPENDENCY_INTERVAL = "2s"


class Flux:
    """Both controllers with an administrator's rights, as Flux's own installation gives them.

    `with Flux(world, programs):` installs their definitions, starts them and ends them. Their artifacts and logs are
    in the world's folder.
    """

    def __init__(self, world: World, programs: FluxPrograms) -> None:
        self._world = world
        folder = world.folder / "flux"
        for name in ("artifacts", "tmp"):
            (folder / name).mkdir(parents=True)
        # A proxy of the environment leads to no address of this machine.
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment = clean | {
            "KUBECONFIG": str(world.kubeconfig),
            "RUNTIME_NAMESPACE": NAMESPACE,
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder / "tmp"),
        }
        storage = f"{LOOPBACK}:{free_port()}"
        self.source = Controller(
            world,
            [
                str(programs.source_controller),
                *(
                    f"--storage-path={folder / 'artifacts'}",
                    f"--storage-addr={storage}",
                    f"--storage-adv-addr={storage}",
                ),
            ],
            environment,
        )
        self.kustomize = Controller(
            world,
            [str(programs.kustomize_controller), f"--requeue-dependency={_DEPENDENCY_INTERVAL}"],
            environment,
        )

    def __enter__(self) -> Self:
        self._world.create_namespace(NAMESPACE)
        definitions = flux.definitions(silent)
        self._world.kubectl("apply", "--server-side", "-f", str(definitions))
        self._world.kubectl("wait", "--for=condition=Established", "-f", str(definitions), "--timeout=60s")
        for controller in (self.source, self.kustomize):
            controller.start()
        for controller in (self.source, self.kustomize):
            controller.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for controller in (self.kustomize, self.source):
            controller.stop()


class Controller(Child):
    """One of them, by its program and what it is told beside what all are told."""

    def __init__(self, world: World, argv: list[str], environment: dict[str, str]) -> None:
        name = argv[0].rpartition("/")[2]
        self._health = f"{LOOPBACK}:{free_port()}"
        told = ["--watch-all-namespaces", "--metrics-addr=0", f"--health-addr={self._health}"]
        super().__init__(name, [*argv, *told], log=world.folder / "logs" / f"{name}.log", env=environment)

    def wait_ready(self) -> None:
        """Until it says that it is."""
        self.wait_until(self._ready, seconds=_READY_SECONDS)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://{self._health}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

"""Four real registries with token auth, many repositories in each, near or a round trip away."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localworld import layout
from localworld.layout import Host
from localworld.programs import apt
from localworld.programs.binaries import Binaries
from localworld.registries.registries import Registries
from localworld.registries.tokens import Service

HOSTS = tuple(f"{name}.example.invalid" for name in ("alpha", "beta", "gamma", "delta"))
PRIVATE_SHARE = 5  # one in so many


@dataclass(frozen=True, slots=True)
class Place:
    """``registries`` count what they are asked; ``file`` is for --registries; ``images`` are spread over HOSTS."""

    registries: Registries
    file: Path
    endpoints: dict[str, str]
    images: list[str]

    def manifest_requests(self) -> list[Any]:
        return [request for host in HOSTS for request in self.registries[host].requests()]

    def requests(self) -> dict[str, int]:
        """What the access logs hold so far: by kind, and in all."""
        manifests = self.manifest_requests()
        found = {
            "HEAD manifest": sum(one.method == "HEAD" for one in manifests),
            "GET manifest": sum(one.method == "GET" and "/manifests/" in one.path for one in manifests),
            "GET /v2/": sum(one.path == "/v2/" for one in manifests),
            "token": len(self.registries.token_requests()),
        }
        return {**found, "all": len(manifests) + found["token"]}


@contextlib.contextmanager
def place(folder: Path, images_per_host: int, round_trip_ms: float) -> Iterator[Place]:
    """Everything up and filled; ends with the block."""
    folder.mkdir(parents=True)
    (folder / "logs").mkdir()
    layout.HOSTS = (  # type: ignore[assignment]
        *(Host(name, "token", Service(public=("public/*",))) for name in HOSTS),
        Host(layout.BASIC_HOST, "basic"),
    )
    program = apt.install("docker-registry", "docker-registry", lambda _: None)
    nothing = Path()
    registries = Registries(Binaries("", nothing, nothing, nothing, nothing, nothing, program, nothing), folder)
    token_port = int(registries._token_url.rpartition(":")[2])
    ports = [token_port, *(registries[host].port for host in HOSTS)]
    with _relay(round_trip_ms, ports) if round_trip_ms else contextlib.nullcontext(ports) as seen:
        endpoints = {host: f"http://127.0.0.1:{port}" for host, port in zip(HOSTS, seen[1:], strict=True)}
        for host in HOSTS:
            config = folder / "registries" / host / "config.yml"
            config.write_text(config.read_text().replace(f":{token_port}/token", f":{seen[0]}/token"))
        registries.start()
        try:
            registries.wait_ready()
            images = [image for host in HOSTS for image in _fill(registries, folder, host, images_per_host)]
            file = folder / "bench-registries.yaml"
            entries = [{"host": host, "endpoint": endpoint} for host, endpoint in endpoints.items()]
            file.write_text(yaml.safe_dump({"registries": entries}))
            yield Place(registries, file, endpoints, images)
        finally:
            registries.stop()


def _fill(registries: Registries, folder: Path, host: str, count: int) -> list[str]:
    """Push one image and copy its repository: the registry reads its folder anew for every request."""
    registries.push(f"{host}/public/model:v1")
    store = folder / "registries" / host / "data" / "docker" / "registry" / "v2" / "repositories"
    names = [f"{'private' if n % PRIVATE_SHARE == 0 else 'public'}/app-{n}" for n in range(count)]
    for name in names:
        shutil.copytree(store / "public" / "model", store / name)
    return [f"{host}/{name}:v1" for name in names]


@contextlib.contextmanager
def _relay(round_trip_ms: float, ports: list[int]) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "probing.relay", str(round_trip_ms), *map(str, ports)]
    here = Path(__file__).parent.parent
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=here) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield [int(process.stdout.readline()) for _ in ports]
        finally:
            process.stdin.close()
            process.wait()

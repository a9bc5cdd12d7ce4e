"""Real registries on loopback, without a cluster around them."""

from pathlib import Path

from localworld.programs import apt
from localworld.programs.binaries import Binaries
from localworld.registries.registries import Registries as LocalRegistries

LICENSE_ID = "a-license-id-of-the-tests"
OTHER_LICENSE_ID = "a-license-id-without-rights"
SLUG = "my-kots-app"

PUBLIC = ("busybox:1.36", "quay.io/public/tool:v1", "ghcr.io/public/tool:v1", "registry.k8s.io/pause:3.10")
PRIVATE = ("quay.io/my-org/api:v1.0.1", "ghcr.io/my-org/web:v1.0.1", "registry.example.invalid/team/app:v1")


def start_registries(folder: Path) -> LocalRegistries:
    """Every registry of the local world, filled and serving; stop() ends them."""
    program = apt.install("docker-registry", "docker-registry", lambda _: None)
    (folder / "logs").mkdir()
    nothing = Path()
    local = LocalRegistries(Binaries("", nothing, nothing, nothing, nothing, nothing, program, nothing), folder)
    local.start()
    try:
        local.wait_ready()
    except BaseException:
        local.stop()
        raise
    return local

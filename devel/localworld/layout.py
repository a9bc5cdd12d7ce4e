"""Which registries the world stands in for, and who may pull what there when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from localworld.registries.tokens import Service

PROXY = "proxy.replicated.com"
VENDOR_REGISTRY = "registry.replicated.com"
LICENSE_USER = "LICENSE_ID"
BASIC_HOST = "registry.example.invalid"

# The tokens of licensed registries live shortly, so that a license that is taken away stops working soon.
_LICENSE_TOKEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Host:
    """One registry: its name in image references, and how it authenticates.

    `open` asks nobody, `basic` asks everybody for a user of its htpasswd file, `token` sends to the
    token server, where `service` says what is public.
    """

    name: str
    auth: Literal["open", "basic", "token"]
    service: Service = field(default_factory=Service)


HOSTS = (
    Host("docker.io", "token", Service(public=("library/*",))),
    Host("quay.io", "token", Service(public=("prometheus/*", "coreos/*", "public/*"))),
    Host("ghcr.io", "token", Service(public=("fluxcd/*", "public/*"), anonymous_private="403")),
    Host("registry.k8s.io", "open"),
    Host(BASIC_HOST, "basic"),
    Host(PROXY, "token", Service(anonymous_private="401", expires_in=_LICENSE_TOKEN_SECONDS)),
    Host(VENDOR_REGISTRY, "token", Service(anonymous_private="401", expires_in=_LICENSE_TOKEN_SECONDS)),
)

# What `make cluster` has ready to pull; the private ones are at the proxy too, as if a vendor had linked its registry.
SAMPLE_SLUG = "my-kots-app"
SAMPLE_LICENSE = "local-license-id"
SAMPLE_PRIVATE = ("quay.io/my-org/api:v1.0.1", "ghcr.io/my-org/web:v1.0.1")
SAMPLE_PUBLIC = ("busybox:1.36", "nginx:1.27", "registry.k8s.io/pause:3.10")
SAMPLE_VENDOR = (f"{VENDOR_REGISTRY}/{SAMPLE_SLUG}/worker:v1.0.1",)

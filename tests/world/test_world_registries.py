"""The registries of a local world answer as the ones that they stand for."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from localworld import layout
from localworld.registries.image import INDEX, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localworld.world import World

_ACCEPT = {"Accept": f"{INDEX}, {MANIFEST}"}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10, headers=_ACCEPT) as client:
        yield client


def manifest_url(world: World, host: str, repository: str, tag: str) -> str:
    return f"{world.registries[host].endpoint}/v2/{repository}/manifests/{tag}"


def challenge(answer: httpx.Response) -> dict[str, str]:
    scheme, _, rest = answer.headers["WWW-Authenticate"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(","))
    return {"scheme": scheme, **{key: value.strip('"') for key, value in fields.items()}}


def anonymous_pull(http: httpx.Client, url: str) -> httpx.Response:
    """HEAD, and once more with an anonymous token; the token server's answer when it gives none."""
    first = http.head(url)
    assert first.status_code == 401
    asked = challenge(first)
    assert asked["scheme"] == "Bearer"
    token = http.get(asked["realm"], params={"service": asked["service"], "scope": asked["scope"]})
    if not token.is_success:
        return token
    return http.get(url, headers={"Authorization": f"Bearer {token.json()['token']}"})


def test_quay_refuses_the_private_image_after_the_token(audited_world: World, http: httpx.Client) -> None:
    answer = anonymous_pull(http, manifest_url(audited_world, "quay.io", "my-org/api", "v1.0.1"))

    assert answer.status_code == 401
    assert {error["code"] for error in answer.json()["errors"]} & {"UNAUTHORIZED", "DENIED"}


def test_ghcr_refuses_the_token_itself(audited_world: World, http: httpx.Client) -> None:
    answer = anonymous_pull(http, manifest_url(audited_world, "ghcr.io", "my-org/web", "v1.0.1"))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")


def test_a_public_hub_image_starts_with_a_401_too(audited_world: World, http: httpx.Client) -> None:
    answer = anonymous_pull(http, manifest_url(audited_world, "docker.io", "library/busybox", "1.36"))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == MANIFEST


def test_the_open_registry_asks_nobody(audited_world: World, http: httpx.Client) -> None:
    assert http.head(manifest_url(audited_world, "registry.k8s.io", "pause", "3.10")).status_code == 200


def test_the_basic_registry_wants_a_user_of_its_own(audited_world: World, http: httpx.Client) -> None:
    audited_world.push_image(f"{layout.BASIC_HOST}/team/app:1")
    audited_world.registries.allow_user(layout.BASIC_HOST, "reader", "right")
    url = manifest_url(audited_world, layout.BASIC_HOST, "team/app", "1")

    anonymous = http.head(url)

    assert challenge(anonymous)["scheme"] == "Basic"
    assert http.head(url, auth=("reader", "wrong")).status_code == 401
    assert http.head(url, auth=("reader", "right")).status_code == 200


def licensed_pull(world: World, reference: str, license_id: str) -> subprocess.CompletedProcess[str]:
    host, _, path = reference.partition("/")
    address = urlsplit(world.registries[host].endpoint).netloc
    return subprocess.run(
        [
            *(str(world.programs.skopeo), "inspect", "--raw", "--tls-verify=false"),
            *("--creds", f"{layout.LICENSE_USER}:{license_id}", f"docker://{address}/{path}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_license_opens_the_proxy_and_the_vendor_registry_until_it_is_denied(audited_world: World) -> None:
    proxied = f"{layout.PROXY}/proxy/rotating/quay.io/acme/db:9"
    vendor = f"{layout.VENDOR_REGISTRY}/rotating/tool:1"
    audited_world.push_image("quay.io/acme/db:9", proxied_for="rotating")
    audited_world.push_image(vendor)

    before = licensed_pull(audited_world, proxied, "license-r")
    audited_world.allow_license("license-r", ["rotating"])
    during = [licensed_pull(audited_world, reference, "license-r").returncode for reference in (proxied, vendor)]
    audited_world.deny_license("license-r")
    after = licensed_pull(audited_world, proxied, "license-r")

    assert before.returncode != 0
    assert "unauthorized" in before.stderr
    assert during == [0, 0]
    assert after.returncode != 0


def test_a_license_opens_only_its_own_app(audited_world: World) -> None:
    audited_world.allow_license("license-other", ["other-app"])
    proxied = f"{layout.PROXY}/proxy/{layout.SAMPLE_SLUG}/quay.io/my-org/api:v1.0.1"

    assert licensed_pull(audited_world, proxied, "license-other").returncode != 0
    assert licensed_pull(audited_world, proxied, layout.SAMPLE_LICENSE).returncode == 0


def test_what_is_made_public_or_private_counts_at_once(audited_world: World, http: httpx.Client) -> None:
    audited_world.push_image("quay.io/turning/app:1")
    url = manifest_url(audited_world, "quay.io", "turning/app", "1")

    before = anonymous_pull(http, url).status_code
    audited_world.registries.make_public("quay.io", "turning/*")
    public = anonymous_pull(http, url).status_code
    audited_world.registries.make_private("quay.io", "turning/*")
    after = anonymous_pull(http, url).status_code

    assert (before, public, after) == (401, 200, 401)


def test_a_token_service_can_be_slow_and_can_fail(audited_world: World, http: httpx.Client) -> None:
    url = manifest_url(audited_world, "ghcr.io", "public/app", "1")
    asked = challenge(http.head(url))

    audited_world.registries.configure("ghcr.io", lambda service: dataclasses.replace(service, latency_ms=150))
    slow = http.get(asked["realm"], params={"scope": asked["scope"]})
    audited_world.registries.configure(
        "ghcr.io", lambda service: dataclasses.replace(service, latency_ms=0, fail_status=503, expires_in=77)
    )
    failing = http.get(asked["realm"], params={"scope": asked["scope"]})
    audited_world.registries.configure("ghcr.io", lambda service: dataclasses.replace(service, fail_status=0))
    healed = http.get(asked["realm"], params={"scope": asked["scope"]})

    assert slow.elapsed.total_seconds() >= 0.15
    assert failing.status_code == 503
    assert (healed.status_code, healed.json()["expires_in"]) == (200, 77)


def test_requests_are_counted_without_those_that_pushed(audited_world: World, http: httpx.Client) -> None:
    audited_world.push_image("ghcr.io/public/counted:1")
    url = manifest_url(audited_world, "ghcr.io", "public/counted", "1")
    anonymous_pull(http, url)

    requests = [request for request in audited_world.registries["ghcr.io"].requests() if "counted" in request.path]
    tokens = [
        request
        for request in audited_world.registries.token_requests("ghcr.io")
        if request.scopes == ("repository:public/counted:pull",)
    ]

    assert [(request.method, request.status) for request in requests] == [("HEAD", 401), ("GET", 200)]
    assert [(token.user, token.granted, token.status) for token in tokens] == [("", ("public/counted",), 200)]


def test_an_index_points_at_platforms_that_are_there(audited_world: World, http: httpx.Client) -> None:
    digest = audited_world.push_image("registry.k8s.io/multi:1", multi_arch=True)

    index = http.get(manifest_url(audited_world, "registry.k8s.io", "multi", "1"))
    entries = index.json()["manifests"]

    assert index.headers["Content-Type"] == INDEX
    assert index.headers["Docker-Content-Digest"] == digest
    assert {entry["platform"]["architecture"] for entry in entries} == {"amd64", "arm64"}
    for entry in entries:
        platform = manifest_url(audited_world, "registry.k8s.io", "multi", entry["digest"])
        assert http.get(platform).json()["mediaType"] == MANIFEST


def test_the_registries_file_names_every_host_and_alias(audited_world: World) -> None:
    audited_world.registries.add_alias("images.vendor.invalid", layout.PROXY)

    entries = yaml.safe_load(audited_world.registries_file.read_text())["registries"]

    by_host = {entry["host"]: entry["endpoint"] for entry in entries}
    assert {host.name for host in layout.HOSTS} <= by_host.keys()
    assert by_host["images.vendor.invalid"] == by_host[layout.PROXY]
    assert all(urlsplit(endpoint).hostname == "127.0.0.1" for endpoint in by_host.values())


def test_a_killed_registry_comes_back_with_its_images(audited_world: World, http: httpx.Client) -> None:
    url = manifest_url(audited_world, "registry.k8s.io", "pause", "3.10")
    registry = audited_world.registries["registry.k8s.io"]

    registry.kill()
    with pytest.raises(httpx.ConnectError):
        http.head(url)
    registry.restart()

    assert http.head(url).status_code == 200

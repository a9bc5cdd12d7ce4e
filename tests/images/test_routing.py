"""Where pods pull from: the proxy's spelling of a reference, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.images.reference import parse, strip_tag_and_digest
from kotsapp.images.routing import Domains, Route, pull_reference

SHA = "@sha256:" + "25dedae0aceb6b4fe5837a0acbacc6580453717f126a095aa05a3c6fcea14dd4"
CUSTOM = Domains(proxy="my-proxy.example.com", registry="my-registry.example.com")


# KOTS's own cases for a proxied repository; its stand-in digests and domains replaced by ones that the grammar knows.
@pytest.mark.parametrize("suffix", ["", ":tag", SHA, ":tag" + SHA])
@pytest.mark.parametrize("name", ["image", "registry/image", "registry:5000/image", "registry:5000/namespace/image"])
def test_the_repository_is_proxied_as_kots_spells_it(name: str, suffix: str) -> None:
    pull = pull_reference(parse(name + suffix), Route.PROXY, Domains(proxy="host.example"), "slug")
    assert strip_tag_and_digest(pull) == f"host.example/proxy/slug/{name}"
    assert pull == f"host.example/proxy/slug/{name}{suffix}"


# KOTS's own cases for a release, as pairs of reference and what is pulled.
@pytest.mark.parametrize(
    ("domains", "route", "written", "pulled"),
    [
        (
            Domains(),
            Route.PROXY,
            "quay.io/replicatedcom/qa-kots-3:alpine-3.6",
            "proxy.replicated.com/proxy/test-app-slug/quay.io/replicatedcom/qa-kots-3:alpine-3.6",
        ),
        (
            Domains(),
            Route.PROXY,
            "quay.io/replicatedcom/someimage:1" + SHA,
            "proxy.replicated.com/proxy/test-app-slug/quay.io/replicatedcom/someimage:1" + SHA,
        ),
        (Domains(), Route.DIRECT, "redis:7" + SHA, "redis:7" + SHA),
        (
            CUSTOM,
            Route.REGISTRY,
            "registry.replicated.com/appslug/image:version",
            "my-registry.example.com/appslug/image:version",
        ),
        (
            CUSTOM,
            Route.REGISTRY,
            "my-registry.example.com/appslug/some-other-image:version",
            "my-registry.example.com/appslug/some-other-image:version",
        ),
        (
            CUSTOM,
            Route.PROXY,
            "quay.io/replicatedcom/someimage:1",
            "my-proxy.example.com/proxy/test-app-slug/quay.io/replicatedcom/someimage:1",
        ),
        (
            Domains(),
            Route.REGISTRY,
            "registry.replicated.com/appslug/image:version",
            "registry.replicated.com/appslug/image:version",
        ),
        (
            CUSTOM,
            Route.PROXY,
            "proxy.replicated.com/proxy/test-app-slug/quay.io/a/b:1",
            "proxy.replicated.com/proxy/test-app-slug/quay.io/a/b:1",
        ),
        (
            CUSTOM,
            Route.PROXY,
            "my-proxy.example.com/proxy/test-app-slug/quay.io/a/b:1",
            "my-proxy.example.com/proxy/test-app-slug/quay.io/a/b:1",
        ),
    ],
)
def test_a_release_is_routed_as_kots_routes_it(domains: Domains, route: Route, written: str, pulled: str) -> None:
    assert pull_reference(parse(written), route, domains, "test-app-slug") == pulled


def test_the_secret_is_needed_wherever_the_license_opens_the_door() -> None:
    assert [route for route in Route if route.needs_secret] == [Route.PROXY, Route.REGISTRY]


@pytest.mark.parametrize("host", ["proxy.replicated.com", "MY-PROXY.example.com"])
def test_both_proxies_count_as_the_proxy(host: str) -> None:
    assert CUSTOM.is_proxy(parse(f"{host}/a/b").host)
    assert not CUSTOM.is_registry(parse(f"{host}/a/b").host)


def test_both_registries_count_as_the_registry() -> None:
    assert CUSTOM.is_registry("registry.replicated.com")
    assert CUSTOM.is_registry("my-registry.example.com")
    assert not CUSTOM.is_registry("quay.io")


@pytest.mark.parametrize(
    ("written", "runnable"),
    [
        ("quay.io/o/api:1", True),
        ("registry/image", True),
        ("localhost/image", True),
        ("registry:5000/image:1", False),
        ("Quay.io/o/api:1", False),
        ("[::1]:5000/image", False),
        (f"quay.io/{'a' * 200}/{'b' * 54}", False),
    ],
)
def test_what_no_runtime_takes_through_the_proxy_is_known(written: str, runnable: bool) -> None:
    pull = parse(pull_reference(parse(written), Route.PROXY, Domains(), "slug"))
    assert parse(written).refused_for is None
    assert (pull.refused_for is None) is runnable


_repositories = st.sampled_from(
    [
        "redis",
        "my-org/api",
        "docker.io/library/redis",
        "quay.io/o/api",
        "localhost:5000/x",
        "registry.replicated.com/a/b",
    ]
)


@given(
    name=_repositories,
    suffix=st.sampled_from(["", ":1", SHA, ":1" + SHA]),
    domains=st.sampled_from([Domains(), CUSTOM]),
    route=st.sampled_from(Route),
)
def test_routing_twice_is_routing_once(name: str, suffix: str, domains: Domains, route: Route) -> None:
    once = parse(pull_reference(parse(name + suffix), route, domains, "slug"))
    assert pull_reference(once, route, domains, "slug") == once.written
    assert once.suffix == suffix


def test_the_default_proxy_is_opened_beside_a_custom_one_only_where_an_image_is_on_it() -> None:
    on_default = [parse("busybox"), parse("proxy.replicated.com/proxy/slug/quay.io/o/api:1")]

    assert CUSTOM.opening(on_default).hosts == CUSTOM.hosts | {"proxy.replicated.com"}
    assert CUSTOM.opening([parse("busybox")]) == CUSTOM
    assert Domains().opening(on_default) == Domains()

"""A scheme's own port, written out, names the same host wherever hosts are compared; the spelling is kept."""

import base64
import json

import pytest
from yarl import URL

from kotsapp.images.reference import DOCKER_HUB, canonical_host, parse
from kotsapp.images.rewrite import Pull, rewrite
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.pullsecret import dockerconfigjson
from kotsapp.registry.config import Registries, RegistriesError
from kotsapp.registry.credential import Credential
from kotsapp.registry.guard import Guard
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.verdict import Verdict

CUSTOM = Domains(proxy="proxy.example.com:443", registry="registry.example.com")


@pytest.mark.parametrize(
    ("written", "host", "repository"),
    [
        ("docker.io:443/busybox", DOCKER_HUB, "library/busybox"),
        ("index.docker.io:443/busybox:1", DOCKER_HUB, "library/busybox"),
        ("Registry-1.Docker.io:443/o/x", DOCKER_HUB, "o/x"),
        ("quay.io:443/o/x", "quay.io", "o/x"),
        ("[::1]:443/o/x", "[::1]", "o/x"),
        ("quay.io:0443/o/x", "quay.io", "o/x"),
        # Another port is another server, and a name without a dot is a host for its port's sake alone.
        ("quay.io:80/o/x", "quay.io:80", "o/x"),
        ("quay.io:4430/o/x", "quay.io:4430", "o/x"),
        ("registry:443/o/x", "registry", "o/x"),
    ],
)
def test_the_own_port_is_not_part_of_the_hosts_name(written: str, host: str, repository: str) -> None:
    reference = parse(written)

    assert (reference.host, reference.repository) == (host, repository)
    assert canonical_host(host) == host
    assert reference.written == written


@pytest.mark.parametrize(
    ("written", "verdict", "route"),
    [
        ("registry.replicated.com:443/app/worker:1", Verdict.REPLICATED, Route.REGISTRY),
        ("proxy.replicated.com:443/proxy/app/quay.io/o/x:1", Verdict.PROXIED, Route.PROXY),
        ("PROXY.replicated.com:443/proxy/app/quay.io/o/x:1", Verdict.PROXIED, Route.PROXY),
    ],
)
def test_what_the_vendor_serves_is_not_proxied_again(written: str, verdict: Verdict, route: Route) -> None:
    assert classify(parse(written), Domains()) is verdict
    assert pull_reference(parse(written), route, Domains(), "app") == written


@pytest.mark.parametrize("written", ["proxy.example.com/proxy/app/x:1", "proxy.example.com:443/proxy/app/x:1"])
def test_a_custom_domain_is_itself_with_and_without_the_port(written: str) -> None:
    for proxy in ("proxy.example.com", "proxy.example.com:443", "Proxy.Example.com:443"):
        assert classify(parse(written), Domains(proxy=proxy)) is Verdict.PROXIED
        assert pull_reference(parse(written), Route.PROXY, Domains(proxy=proxy), "app") == written


def test_the_custom_registry_takes_the_place_of_the_vendors_with_its_port() -> None:
    pull = pull_reference(parse("registry.replicated.com:443/app/worker:1"), Route.REGISTRY, CUSTOM, "app")

    assert pull == "registry.example.com/app/worker:1"
    same = Domains(registry="registry.replicated.com:443")
    for written in ("registry.replicated.com/app/worker:1", "registry.replicated.com:443/app/worker:1"):
        assert pull_reference(parse(written), Route.REGISTRY, same, "app") == written


def test_a_proxied_reference_keeps_the_spelling() -> None:
    pull = pull_reference(parse("quay.io:443/o/x:1"), Route.PROXY, Domains(), "app")

    assert pull == "proxy.replicated.com/proxy/app/quay.io:443/o/x:1"


def test_the_pull_secret_opens_each_host_as_pods_spell_it() -> None:
    """A kubelet compares the port as text."""
    references = [
        parse("registry.replicated.com:443/app/worker:1"),
        parse("PROXY.example.com/proxy/app/quay.io/o/x:1"),
        parse("proxy.replicated.com:443/proxy/app/quay.io/o/x:1"),
        parse("quay.io:443/o/x"),
    ]
    opened = json.loads(dockerconfigjson("id", Domains(proxy="proxy.example.com").opening(references)))["auths"]

    assert set(opened) == {
        "proxy.example.com",
        "registry.replicated.com",
        "registry.replicated.com:443",
        "PROXY.example.com",
        "proxy.replicated.com:443",
    }
    assert opened["registry.replicated.com:443"] == {"auth": base64.b64encode(b"LICENSE_ID:id").decode()}


def test_a_secret_opens_nothing_more_where_every_image_is_spelled_as_usual() -> None:
    usual = [parse("registry.replicated.com/app/x"), parse("proxy.replicated.com/proxy/app/x"), parse("busybox")]

    assert Domains().opening(usual) == Domains()
    # What goes to the custom registry is spelled as the domain is, whatever the release wrote.
    replaced = [parse("registry.replicated.com:443/app/x")]
    assert Domains(registry="r.example.com").opening(replaced) == Domains(registry="r.example.com")


@pytest.mark.parametrize("glob", ["quay.io/*", "quay.io:443/*", "quay.io/o/x:1", "*/o/x*", "quay.io*/x:1"])
@pytest.mark.parametrize("written", ["quay.io/o/x:1", "quay.io:443/o/x:1"])
def test_an_exclusion_holds_for_both_spellings(glob: str, written: str) -> None:
    assert classify(parse(written), Domains(), [glob]) is Verdict.EXCLUDED


@pytest.mark.parametrize("glob", ["quay.io:8443/*", "quay.io/o/y*", "quay.io"])
def test_an_exclusion_holds_for_nothing_else(glob: str) -> None:
    assert classify(parse("quay.io:443/o/x:1"), Domains(), [glob]) is None


@pytest.mark.parametrize("written", ["quay.io", "quay.io:443", "QUAY.io:443"])
def test_the_registries_file_means_the_same_host(written: str) -> None:
    registries = Registries.read({"registries": [{"host": written, "endpoint": "http://127.0.0.1:5001"}]}, "test")

    for image in ("quay.io/o/x", "quay.io:443/o/x"):
        assert Guard(registries).registry(parse(image)).url == URL("http://127.0.0.1:5001/v2/o/x/manifests/latest")
    assert registries.max_concurrent("quay.io") == registries.max_concurrent("quay.io:443")


def test_both_spellings_are_one_entry() -> None:
    with pytest.raises(RegistriesError, match="already"):
        Registries.read({"registries": [{"host": "quay.io"}, {"host": "quay.io:443"}]}, "test")


def test_docker_hub_with_its_port_is_asked_where_docker_hub_is() -> None:
    asked = Guard(Registries.empty()).registry(parse("docker.io:443/busybox"))

    assert asked.url == URL("https://registry-1.docker.io/v2/library/busybox/manifests/latest")


def test_the_license_goes_to_its_hosts_however_they_are_written() -> None:
    credential = Credential("LICENSE_ID", "id", frozenset({"proxy.example.com:443", "Registry.example.com"}))

    assert credential.hosts == {"proxy.example.com", "registry.example.com"}


def test_a_pod_on_the_vendors_registry_gets_the_secret_and_keeps_its_reference() -> None:
    image = "registry.replicated.com:443/app/worker:1"
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "w", "image": image}]}}
    route = Route.REGISTRY
    pull = Pull(pull_reference(parse(image), route, Domains(), "app"), route.needs_secret)

    assert rewrite(pod, {image: pull}, "s")["spec"] == {
        "containers": [{"name": "w", "image": image}],
        "imagePullSecrets": [{"name": "s"}],
    }

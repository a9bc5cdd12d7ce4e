"""The registries file."""

from pathlib import Path

import pytest
from yarl import URL

from kotsapp.registry.config import Registries, RegistriesError
from kotsapp.registry.limits import DEFAULT_MAX_CONCURRENT


def load(tmp_path: Path, text: str) -> Registries:
    file = tmp_path / "registries.yaml"
    file.write_text(text)
    return Registries.load(file)


def test_an_entry_says_where_a_host_really_is(tmp_path: Path) -> None:
    registries = load(
        tmp_path,
        """
registries:
  - host: quay.io
    endpoint: http://127.0.0.1:5001
    maxConcurrent: 3
  - host: Index.Docker.io
    endpoint: https://mirror.example:8443/
    insecureSkipVerify: true
  - host: ghcr.io
    maxConcurrent: 2
""",
    )
    quay, hub, ghcr, other = (registries.host(name) for name in ("quay.io", "docker.io", "ghcr.io", "k8s.gcr.io"))

    assert (quay.endpoint, quay.trusted, quay.max_concurrent) == (URL("http://127.0.0.1:5001"), True, 3)
    assert (hub.endpoint, hub.tls.insecure_skip_verify) == (URL("https://mirror.example:8443"), True)
    # An entry without an endpoint says nothing about where the host is, so it lifts no check.
    assert (ghcr.endpoint, ghcr.trusted, ghcr.max_concurrent) == (URL("https://ghcr.io"), False, 2)
    assert (other.endpoint, other.trusted) == (URL("https://k8s.gcr.io"), False)
    assert other.max_concurrent == DEFAULT_MAX_CONCURRENT


def test_docker_hub_is_not_at_its_own_name() -> None:
    assert Registries.empty().host("docker.io").endpoint == URL("https://registry-1.docker.io")


@pytest.mark.parametrize("text", ["", "registries: []"])
def test_an_empty_file_lists_nothing(tmp_path: Path, text: str) -> None:
    assert not load(tmp_path, text).host("quay.io").trusted


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", ["'registries'"]),
        ("registries: {}", ["'registries'"]),
        ("registries: []\nregistry: []", ["'registry'"]),
        ("registries: [quay.io]", ["entry 1", "'quay.io'"]),
        ("registries: [{host: quay.io}, {endpoint: http://x}]", ["entry 2", "host"]),
        ("registries: [{host: https://quay.io}]", ["entry 1", "host"]),
        ("registries: [{host: quay.io, endpoint: 127.0.0.1:5001}]", ["quay.io", "endpoint"]),
        ("registries: [{host: quay.io, endpoint: ftp://127.0.0.1}]", ["quay.io", "endpoint"]),
        ("registries: [{host: quay.io, endpoint: http://127.0.0.1:99999}]", ["quay.io", "endpoint"]),
        ("registries: [{host: quay.io, endpoint: http://u:p@127.0.0.1}]", ["quay.io", "endpoint", "anonymously"]),
        ("registries: [{host: quay.io, endpoint: http://127.0.0.1/v2}]", ["quay.io", "endpoint"]),
        ("registries: [{host: quay.io, endpoints: http://127.0.0.1}]", ["entry 1", "'endpoints'"]),
        ("registries: [{host: quay.io, maxConcurrent: 0}]", ["quay.io", "maxConcurrent"]),
        ("registries: [{host: quay.io, maxConcurrent: true}]", ["quay.io", "maxConcurrent"]),
        ("registries: [{host: quay.io, maxConcurrent: many}]", ["quay.io", "maxConcurrent", "'many'"]),
        ("registries: [{host: quay.io, insecureSkipVerify: 'yes'}]", ["quay.io", "insecureSkipVerify"]),
        ("registries: [{host: quay.io, caFile: /no/such/file}]", ["quay.io", "caFile", "/no/such/file"]),
        (f"registries: [{{host: quay.io, caFile: {__file__}}}]", ["quay.io", "caFile", "no PEM certificate"]),
        ("registries: [{host: quay.io}, {host: QUAY.io}]", ["entry 2", "quay.io", "already"]),
        ("registries: [", ["not YAML"]),
        ("[" * 2000, ["not YAML"]),
        ("registries: !!python/object/apply:os.system [id]", ["not YAML"]),
    ],
)
def test_an_error_names_file_entry_and_key(tmp_path: Path, text: str, named: list[str]) -> None:
    with pytest.raises(RegistriesError) as error:
        load(tmp_path, text)

    message = str(error.value)
    assert "\n" not in message
    for part in ["registries.yaml", *named]:
        assert part in message


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RegistriesError, match="No such file"):
        Registries.load(tmp_path / "registries.yaml")


def test_a_huge_file(tmp_path: Path) -> None:
    with pytest.raises(RegistriesError, match="larger than"):
        load(tmp_path, "#" * 2_000_000)

"""References keep their spelling, and are asked for as container runtimes ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.images.reference import MAX_REPOSITORY_LENGTH, InvalidReferenceError, parse, strip_tag_and_digest

SHA256 = "sha256:" + "0123456789abcdef" * 4

# host, repository, what a manifest is asked for by
READ = {
    "redis": ("docker.io", "library/redis", "latest"),
    "redis:7": ("docker.io", "library/redis", "7"),
    "library/redis": ("docker.io", "library/redis", "latest"),
    "my-org/api:v1": ("docker.io", "my-org/api", "v1"),
    "docker.io/redis": ("docker.io", "library/redis", "latest"),
    "docker.io/my-org/api": ("docker.io", "my-org/api", "latest"),
    "index.docker.io/redis:7": ("docker.io", "library/redis", "7"),
    "registry-1.docker.io/library/redis": ("docker.io", "library/redis", "latest"),
    "DOCKER.io/redis": ("docker.io", "library/redis", "latest"),
    "quay.io/my-org/api:v1.0.1": ("quay.io", "my-org/api", "v1.0.1"),
    "Quay.IO/my-org/api": ("quay.io", "my-org/api", "latest"),
    "localhost/api": ("localhost", "api", "latest"),
    "localhost:5000/api:1": ("localhost:5000", "api", "1"),
    "registry:5000/api": ("registry:5000", "api", "latest"),
    "registry/api": ("docker.io", "registry/api", "latest"),
    "10.0.0.1:5000/a/b/c": ("10.0.0.1:5000", "a/b/c", "latest"),
    "[::1]:5000/api:1": ("[::1]:5000", "api", "1"),
    f"redis@{SHA256}": ("docker.io", "library/redis", SHA256),
    f"redis:7@{SHA256}": ("docker.io", "library/redis", SHA256),
    f"quay.io/a/b@{SHA256}": ("quay.io", "a/b", SHA256),
    "quay.io/a__b/c.d-e--f_g:A.b-c_D": ("quay.io", "a__b/c.d-e--f_g", "A.b-c_D"),
}


@pytest.mark.parametrize("written", READ)
def test_a_reference_is_read(written: str) -> None:
    reference = parse(written)
    assert (reference.host, reference.repository, reference.target) == READ[written]
    assert str(reference) == written
    assert reference.name + reference.suffix == written


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "empty"),
        (" redis", "' redis' is not a repository path"),
        ("redis ", "'redis ' is not a repository path"),
        ("Redis", "lower case"),
        ("quay.io/My-Org/api", "lower case"),
        ("https://quay.io/a/b", "'https:' is not a registry host"),
        ("quay.io/", "is not a repository path"),
        ("quay.io//a", "is not a repository path"),
        ("/a", "is not a repository path"),
        ("redis:", "is not a tag"),
        ("redis:-1", "is not a tag"),
        ("redis:" + "a" * 129, "is not a tag"),
        ("redis:7:8", "is not a tag"),
        ("redis@", "is not a digest"),
        ("redis@md5:" + "a" * 32, "is not a digest"),
        ("redis@sha256:" + "a" * 63, "has 64 lower-case"),
        ("redis@sha256:" + "A" * 64, "has 64 lower-case"),
        ("a" * 64, "image ID"),
        ("host:port/a", "'host:port' is not a registry host"),
        ("-a.b/c", "'-a.b' is not a registry host"),
        ("a" * (MAX_REPOSITORY_LENGTH + 1), "longer than"),
        ("quay.io/" + "a/" * 600 + "a", "longer than"),
        ("{{ .Values.image }}", "is not a repository path"),
        ("redis\n", "is not a repository path"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(written: str, problem: str) -> None:
    with pytest.raises(InvalidReferenceError, match="is not an image reference") as caught:
        parse(written)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("written", "stripped"),
    [
        ("myimage", "myimage"),
        ("example.com:5000/myimage", "example.com:5000/myimage"),
        ("myimage:abc", "myimage"),
        ("example.com:5000/myimage:abc", "example.com:5000/myimage"),
        ("myimage@sha256:abc", "myimage"),
        ("example.com:5000/myimage@sha256:abc", "example.com:5000/myimage"),
        ("myimage:1@sha256:abc", "myimage"),
        ("example.com:5000/myimage:1@sha256:abc", "example.com:5000/myimage"),
    ],
)
def test_tag_and_digest_are_stripped_as_kots_does(written: str, stripped: str) -> None:
    assert strip_tag_and_digest(written) == stripped


_component = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+){0,2}", fullmatch=True)
_host = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,6}){1,2}(:[0-9]{2,5})?|localhost(:[0-9]{2,5})?", fullmatch=True)
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_digest = st.from_regex(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", fullmatch=True)


@given(
    host=st.none() | _host,
    path=st.lists(_component, min_size=1, max_size=4),
    tag=st.none() | _tag,
    digest=st.none() | _digest,
)
def test_every_reference_of_the_grammar_is_taken_apart_and_together(
    host: str | None, path: list[str], tag: str | None, digest: str | None
) -> None:
    first_is_no_host = len(path) == 1 or not ("." in path[0] or path[0] == "localhost")
    if host is None and not first_is_no_host:
        path = ["library", *path]
    name = "/".join(path if host is None else [host, *path])
    reference = parse(name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))
    assert (reference.domain, reference.path, reference.tag, reference.digest) == (host, "/".join(path), tag, digest)
    assert reference.name == name == strip_tag_and_digest(reference.written)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReferenceError:
        return
    assert reference.written == text
    assert parse(reference.name).host == reference.host

"""The image's bases are pinned by the digests that their registries tell."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from harness.base_images import DOCKERFILE, UnpinnedError, bases, digest, pinned
from kotsapp.images.reference import parse

OLD, NEW = (f"sha256:{character * 64}" for character in "01")


class Registry(BaseHTTPRequestHandler):
    """Serves ``team/app:v1`` to whoever brings the token that it gives everybody."""

    def do_HEAD(self) -> None:
        if self.headers["Authorization"] != "Bearer anonymous":
            self.send_response(401)
            realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"
            self.send_header(
                "WWW-Authenticate", f'Bearer realm="{realm}",service="it",scope="repository:team/app:pull"'
            )
        elif self.path == "/v2/team/app/manifests/v1" and "image.index" in self.headers["Accept"]:
            self.send_response(200)
            self.send_header("Docker-Content-Digest", NEW)
        else:
            self.send_response(404)
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200 if "scope=repository%3Ateam%2Fapp%3Apull" in self.path else 400)
        self.end_headers()
        self.wfile.write(b'{"token": "anonymous"}')

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_digest_is_what_the_registry_says_to_everybody(registry: str) -> None:
    with httpx.Client() as client:
        assert digest(parse("registry.invalid/team/app:v1"), client, lambda _: registry) == NEW
        with pytest.raises(UnpinnedError, match=r"team/app:v2: registry\.invalid answered 404"):
            digest(parse("registry.invalid/team/app:v2"), client, lambda _: registry)


def test_a_pinned_base_keeps_its_tag_and_is_pinned_anew() -> None:
    text = DOCKERFILE.read_text()
    tags = {name: reference.partition("@")[0] for name, reference in bases(text).items()}
    assert set(tags) == {"BUILD_BASE", "BASE"}

    for wanted in (OLD, NEW):
        text = pinned(text, dict.fromkeys(tags, wanted))
        assert bases(text) == {name: f"{tag}@{wanted}" for name, tag in tags.items()}
    assert "FROM ${BASE}" in text


def test_a_base_has_a_tag_for_people_to_read() -> None:
    assert all(parse(reference).tag for reference in bases(DOCKERFILE.read_text()).values())

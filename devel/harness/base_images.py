"""The images that the operator's is built on: ``python -m harness.base_images`` pins them in deploy/Dockerfile.

Asked anonymously, with a token where the registry wants one. A pinned base changes when somebody runs this, and in a
commit that shows it.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from kotsapp.images.reference import Reference, parse
from kotsapp.registry import challenge

DOCKERFILE = Path(__file__).parents[2] / "deploy" / "Dockerfile"
# Of all architectures together.
INDEX = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
SECONDS = 30.0
_BASE = re.compile(r"^ARG ((?:BUILD_)?BASE)=(\S+)$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HUB = ("docker.io", "registry-1.docker.io")


class UnpinnedError(RuntimeError):
    """A registry gave no digest; the message says which, and what it said."""


def bases(dockerfile: str) -> dict[str, str]:
    """The references that the arguments BUILD_BASE and BASE have by default."""
    return dict(_BASE.findall(dockerfile))


def pinned(dockerfile: str, digests: Mapping[str, str]) -> str:
    """The Dockerfile with these digests, by argument, behind the tags."""

    def one(found: re.Match[str]) -> str:
        name, reference = found.groups()
        return f"ARG {name}={reference.partition('@')[0]}@{digests[name]}"

    return _BASE.sub(one, dockerfile)


def digest(reference: Reference, client: httpx.Client, server: Callable[[str], str]) -> str:
    """The digest of what the tag is now; ``server`` says where a host is asked. Raises UnpinnedError."""
    url = f"{server(reference.host)}/v2/{reference.repository}/manifests/{reference.tag}"
    headers = {"Accept": INDEX}
    answer = client.head(url, headers=headers)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        wanted = challenge.parse(answer.headers.get_list("WWW-Authenticate"))[0]
        token = client.get(wanted.realm, params={"service": wanted.service, "scope": wanted.scope}).json()
        answer = client.head(url, headers={**headers, "Authorization": f"Bearer {token.get('token')}"})
    found: str = answer.headers.get("Docker-Content-Digest", "")
    if not answer.is_success or not _DIGEST.fullmatch(found):
        raise UnpinnedError(f"{reference.written}: {reference.host} answered {answer.status_code}, with no digest")
    return found


def _server(host: str) -> str:
    return f"https://{_HUB[1] if host == _HUB[0] else host}"


def main() -> int:
    text = DOCKERFILE.read_text()
    digests = {}
    with httpx.Client(timeout=SECONDS, follow_redirects=True) as client:
        for name, reference in bases(text).items():
            try:
                digests[name] = digest(parse(reference.partition("@")[0]), client, _server)
            except (UnpinnedError, httpx.HTTPError) as error:
                print(f"{reference}: {error}", file=sys.stderr)
                return 1
    DOCKERFILE.write_text(pinned(text, digests))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The images that need no probe. Pure."""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

from kotsapp.images.reference import Reference, without_own_port
from kotsapp.images.routing import Domains
from kotsapp.verdicts.verdict import Verdict


def classify(
    reference: Reference, domains: Domains, exclude: Sequence[str] = (), *, public_images: bool = False
) -> Verdict | None:
    """The verdict of an image that is not probed, None when it has to be.

    ``exclude`` holds globs on the reference as written (``*`` also matches ``/``). ``public_images`` sends every image
    through the proxy, whatever a probe would say: the rest is Private without asking.
    """
    if domains.is_proxy(reference.host):
        return Verdict.PROXIED
    if domains.is_registry(reference.host):
        return Verdict.REPLICATED
    if exclude and any(_matches(glob, reference) for glob in exclude):
        return Verdict.EXCLUDED
    return Verdict.PRIVATE if public_images else None


def _matches(glob: str, reference: Reference) -> bool:
    """As it is written, and with https's own port left out of either: that names the same host."""
    glob_host, slash, path = glob.partition("/")
    plain = f"{without_own_port(glob_host)}{slash}{path}"
    name = reference.written
    if reference.domain is not None:
        name = without_own_port(reference.domain) + name[len(reference.domain) :]
    return bool(_pattern(glob).match(reference.written) or _pattern(plain).match(name))


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))

"""The images that need no probe. Pure."""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

from kotsapp.images.reference import Reference
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
    if any(_pattern(glob).match(reference.written) for glob in exclude):
        return Verdict.EXCLUDED
    return Verdict.PRIVATE if public_images else None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))

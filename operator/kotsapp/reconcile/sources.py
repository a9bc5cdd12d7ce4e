"""What a KotsApp is made from, as status shows it: a change is announced at once, before anything
is asked for (DESIGN 8).

``kubectl wait`` and kstatus would otherwise pass on what was true of the inputs before. Pure.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kotsapp.release.reader import SourceFile
from kotsapp.sources.artifact import Artifact
from kotsapp.text import listed

MAX_NAMED = 3


def revisions(
    files: Sequence[SourceFile], digest_key: bytes, fetched: Mapping[str, Artifact] = MappingProxyType({})
) -> list[dict[str, str]]:
    """Each source with a digest of what it holds, by ``digest_key``: a Secret's must not be guessed from its digest.

    What was ``fetched``, by the sources' names, is known by its own revision.
    """
    digests: dict[str, Any] = {}
    for file in files:
        name = file.origin.partition(", key ")[0]
        if name in fetched:
            digests[name] = None
            continue
        digest = digests.setdefault(name, hashlib.blake2b(digest_size=8, key=digest_key[:64]))
        for part in (file.name.encode(), file.data):
            digest.update(len(part).to_bytes(8, "big") + part)
    return [
        {"name": name, "revision": fetched[name].revision if digest is None else digest.hexdigest()}
        for name, digest in digests.items()
    ]


def changed(status: Mapping[str, Any], sources: Sequence[Mapping[str, str]]) -> str | None:
    """What to say of sources that changed since the status was written; None where none did, or none was known."""
    known = status.get("sources")
    if not known:
        return None
    before = {source.get("name"): source.get("revision") for source in known}
    now = {source["name"]: source["revision"] for source in sources}
    names = [name for name in now if before.get(name) != now[name]] + [name for name in before if name not in now]
    return f"{listed(names, MAX_NAMED)} changed" if names else None

"""What is fetched from a source, and the one form that looks at sources have.

Each kind of source has a module with a function of this form, ``Look``:

    async def look(item, access, known, web) -> Seen

``item`` is the frozen value of ``items.py``; ``access`` says with whose credentials; ``known`` is what was fetched
last, None for nothing; ``web`` (``web.py``) is the only way out. When nothing has changed ``Seen.artifact`` is
``known.artifact`` itself, and nothing large is asked for. Otherwise it raises ``SourceError`` (``errors.py``).

A look keeps nothing: ``reconcile/remote_sources.py`` decides when to look, and goes on with what was fetched before
when a look fails; ``reconcile/kept_artifacts.py`` keeps that in Secrets of the KotsApp.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kotsapp.fair_queue import Tenant
from kotsapp.license import License
from kotsapp.sources.items import RemoteItem

if TYPE_CHECKING:
    from kotsapp.sources.web import Web


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Artifact:
    """One version of a source.

    ``revision`` is what people know it by, with the digest, as Flux writes it: ``1.4.2@sha256:0a1b…``. ``digest`` is
    ``sha256:`` and 64 hexadecimal digits, of ``content``. ``file_name`` says by its ending what the content is (as
    ``.tgz`` an archive). ``facts`` are what the source said of it, for later looks and whoever renders it; no secret.
    """

    revision: str
    digest: str
    content: bytes = field(repr=False)
    file_name: str = "release.tar.gz"
    facts: Mapping[str, str] = field(default_factory=dict)


def digest_of(content: bytes) -> str:
    """The content's digest, as ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Known:
    """What was fetched last; ``is_ready`` says that it is rolled out, and Ready."""

    artifact: Artifact
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Access:
    """With what a source is asked.

    ``tenant`` is on whose behalf, where slots are few. ``license_hosts`` are the registries that may see the license
    id. ``docker_config`` is the content of the Secret that the item names (a dockerconfigjson), None where it names
    none.
    """

    license: License
    tenant: Tenant
    license_hosts: frozenset[str] = frozenset()
    docker_config: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look came to.

    ``available`` are newer versions that are not used yet, newest first, as ``status.availableReleases`` has them.
    ``awaits_ready`` says that a newer one is used as soon as this one is Ready.
    """

    artifact: Artifact
    available: tuple[Mapping[str, Any], ...] = ()
    awaits_ready: bool = False


Look = Callable[[RemoteItem, Access, Known | None, "Web"], Awaitable[Seen]]

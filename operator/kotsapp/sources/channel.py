"""The vendor's release of the license's channel: what is new, and the archive that comes next (DESIGN 6.1)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kotsapp.images.domains import is_domain
from kotsapp.registry.client import Answer
from kotsapp.release.context import ReleaseVersion
from kotsapp.sources import pending
from kotsapp.sources.artifact import Access, Artifact, Known, Seen, digest_of
from kotsapp.sources.choice import Current, Fetch, Pending, Stay, choose, newer_than
from kotsapp.sources.errors import SourceContentError, SourceError
from kotsapp.sources.items import ChannelRelease
from kotsapp.sources.limits import FETCH_SECONDS, MAX_ARCHIVE, MAX_AVAILABLE, MAX_LABEL
from kotsapp.sources.service import Service
from kotsapp.sources.web import Web
from kotsapp.text import printable

FILE_NAME = "release.tar.gz"
_HEADER = "X-Replicated-"


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What the service said of a release, as it is kept in ``Artifact.facts``.

    ``sequence`` counts the releases of this app from 0, as KOTS counts its versions. ``channel_id`` is the one that was
    asked for. The domains are the channel's own, empty for none.
    """

    channel_sequence: int
    version_label: str = ""
    channel_id: str = ""
    channel_name: str = ""
    is_required: bool = False
    released_at: str = ""
    release_notes: str = ""
    proxy_domain: str = ""
    registry_domain: str = ""
    sequence: int = 0

    def to_facts(self) -> dict[str, str]:
        """All of them as texts."""
        return {
            "channelSequence": str(self.channel_sequence),
            "versionLabel": self.version_label,
            "channelId": self.channel_id,
            "channelName": self.channel_name,
            "isRequired": "true" if self.is_required else "false",
            "releasedAt": self.released_at,
            "releaseNotes": self.release_notes,
            "proxyDomain": self.proxy_domain,
            "registryDomain": self.registry_domain,
            "sequence": str(self.sequence),
        }

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> "ReleaseFacts":
        """From what ``to_facts`` made; what is no number is 0."""
        return cls(
            channel_sequence=_whole(facts.get("channelSequence")) or 0,
            version_label=facts.get("versionLabel", ""),
            channel_id=facts.get("channelId", ""),
            channel_name=facts.get("channelName", ""),
            is_required=facts.get("isRequired") == "true",
            released_at=facts.get("releasedAt", ""),
            release_notes=facts.get("releaseNotes", ""),
            proxy_domain=facts.get("proxyDomain", ""),
            registry_domain=facts.get("registryDomain", ""),
            sequence=_whole(facts.get("sequence")) or 0,
        )

    def version(self) -> ReleaseVersion:
        """What template calls get of it."""
        return ReleaseVersion(
            sequence=self.sequence,
            cursor=str(self.channel_sequence),
            channel_name=self.channel_name,
            version_label=self.version_label,
            release_notes=self.release_notes,
            is_required=self.is_required,
            proxy_domain=self.proxy_domain,
            registry_domain=self.registry_domain,
        )

    def __str__(self) -> str:
        """Such as ``1.4.2 (12)``: labels may come twice in a channel, sequences don't."""
        return f"{self.version_label} ({self.channel_sequence})" if self.version_label else str(self.channel_sequence)


async def look(item: ChannelRelease, access: Access, known: Known | None, web: Web) -> Seen:
    """The release that is to be used now; a ``Look`` (artifact.py). Raises SourceError.

    What is known of another channel is left for the head of the license's channel; what is known without its content,
    which was lost, is fetched once more.
    """
    service = Service.of(access.license)
    current = _current(known, service)
    newer = await _pending(service, current.channel_sequence, web) if current is not None else ()
    choice = choose(current, item.version_label, newer, by_version=service.by_version)
    if current is not None and known is not None and isinstance(choice, Stay):
        if known.artifact.content:
            return Seen(known.artifact, _available(current, newer, service), choice.awaits_ready)
        choice = Fetch(current.channel_sequence)
    wanted = choice if isinstance(choice, Fetch) else Fetch()
    async with web.fetching(access.tenant):
        artifact = await _fetch(service, wanted, known, web)
    if current is None:
        artifact, newer = await _with_list(artifact, service, web)
    found = ReleaseFacts.of(artifact.facts)
    now = Current(found.channel_sequence, found.version_label)
    more = newer_than(now, newer, by_version=service.by_version)
    follows = any(one.version_label == item.version_label for one in more) if item.version_label else bool(more)
    return Seen(artifact, _available(now, newer, service), awaits_ready=follows and found.is_required)


async def _with_list(artifact: Artifact, service: Service, web: Web) -> tuple[Artifact, tuple[Pending, ...]]:
    """The first release with its notes, which only the list has, and those that are newer; the list can do without."""
    facts = ReleaseFacts.of(artifact.facts)
    try:
        listed = await _pending(service, max(0, facts.channel_sequence - 1), web)
    except SourceError:
        return artifact, ()
    notes = next((one.release_notes for one in listed if one.channel_sequence == facts.channel_sequence), "")
    return replace(artifact, facts=replace(facts, release_notes=notes).to_facts()), listed


async def _pending(service: Service, after: int, web: Web) -> tuple[Pending, ...]:
    query = {"channelSequence": str(after), "isSemverSupported": "true"}
    answer = await service.ask(service.question("release/{}/pending", query), web, "the list of releases")
    # A thread, because a list of the largest size takes a while, and other apps go on meanwhile.
    return await asyncio.to_thread(pending.read, answer.body, service.host)


async def _fetch(service: Service, wanted: Fetch, known: Known | None, web: Web) -> Artifact:
    sequence = "" if wanted.channel_sequence is None else str(wanted.channel_sequence)
    query = {"channelSequence": sequence, "isSemverSupported": "true"}
    if wanted.version_label is not None:
        query["versionLabel"] = wanted.version_label
    question = service.question("release/{}", query, limit=MAX_ARCHIVE, seconds=FETCH_SECONDS)
    what = "the release" if wanted.version_label is None else f"release {wanted.version_label}"
    answer = await service.ask(question, web, what)
    facts = _facts(answer, service, wanted, ReleaseFacts.of(known.artifact.facts) if known else None)
    digest = await asyncio.to_thread(digest_of, answer.body)
    if not answer.body:
        raise SourceContentError(f"{service.host} sent an empty archive for {what}; ask the vendor")
    return Artifact(
        f"{facts.version_label or facts.channel_sequence}@{digest}", digest, answer.body, FILE_NAME, facts.to_facts()
    )


def _facts(answer: Answer, service: Service, wanted: Fetch, before: ReleaseFacts | None) -> ReleaseFacts:
    """What the headers say; raises SourceContentError for another release than the one that was asked for."""
    headers = answer.headers

    def header(name: str) -> str:
        return printable(headers.get(f"{_HEADER}{name}", "")[:MAX_LABEL])

    sequence = _whole(header("ChannelSequence"))
    if sequence is None:
        raise SourceContentError(
            f"{service.host} sent an archive without header {_HEADER}ChannelSequence, so it is not a release; does the"
            " license name the right endpoint?"
        )
    if wanted.channel_sequence not in (None, sequence):
        raise SourceContentError(
            f"{service.host} was asked for release {wanted.channel_sequence} of the channel and sent {sequence};"
            " ask the vendor"
        )
    label = header("VersionLabel")
    if wanted.version_label not in (None, label):
        raise SourceContentError(f"{service.host} was asked for version {wanted.version_label} and sent {label!r}")
    return ReleaseFacts(
        channel_sequence=sequence,
        version_label=label,
        channel_id=service.channel_id,
        channel_name=header("ChannelName"),
        is_required=header("IsRequired").lower() == "true",
        released_at=header("ReleasedAt"),
        release_notes=wanted.release_notes,
        proxy_domain=_domain(header("ReplicatedProxyDomain"), service),
        registry_domain=_domain(header("ReplicatedRegistryDomain"), service),
        sequence=_count(before, sequence, service),
    )


def _count(before: ReleaseFacts | None, channel_sequence: int, service: Service) -> int:
    if before is None:
        return 0
    same = (before.channel_id, before.channel_sequence) == (service.channel_id, channel_sequence)
    return before.sequence if same else before.sequence + 1


def _domain(text: str, service: Service) -> str:
    if text and not is_domain(text):
        raise SourceContentError(
            f"{service.host} sent a release whose domain {text[:80]!r} is not a host; ask the vendor"
        )
    return text


def _current(known: Known | None, service: Service) -> Current | None:
    if known is None:
        return None
    facts = ReleaseFacts.of(known.artifact.facts)
    if facts.channel_id != service.channel_id:
        return None
    return Current(facts.channel_sequence, facts.version_label, facts.is_required, known.is_ready)


def _available(now: Current, newer: Sequence[Pending], service: Service) -> tuple[Mapping[str, Any], ...]:
    """As ``status.availableReleases`` has them."""
    return tuple(
        {
            "channelSequence": one.channel_sequence,
            **({"versionLabel": one.version_label} if one.version_label else {}),
            **({"isRequired": True} if one.is_required else {}),
            **({"createdAt": one.created_at} if one.created_at else {}),
        }
        for one in newer_than(now, newer, by_version=service.by_version)[:MAX_AVAILABLE]
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None

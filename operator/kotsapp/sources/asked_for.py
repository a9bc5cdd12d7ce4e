"""Whether what is kept of a source is what its item asks for now. Pure.

An endpoint that is down changes nothing for a release that is there and still asked for (DESIGN 6.1); another version,
which could not be had, must not be reported as if it ran.
"""

from kotsapp.sources import oci, tags
from kotsapp.sources.artifact import Artifact
from kotsapp.sources.channel import ReleaseFacts
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.sources.oci_ref import OciRef
from kotsapp.sources.semver import Range, parse


def is_asked_for(item: RemoteItem, artifact: Artifact, channel_id: str) -> bool:
    """``artifact`` was fetched for an item of the same name; ``channel_id`` is the license's channel, "" for none."""
    if isinstance(item, ChannelRelease):
        facts = ReleaseFacts.of(artifact.facts)
        return facts.channel_id == channel_id and item.version_label in (None, facts.version_label)
    return _is_meant(item, artifact.facts.get(oci.MANIFEST), artifact.facts.get(oci.TAG))


def wanted(item: RemoteItem) -> str:
    """What the item asks for, as messages name it."""
    if isinstance(item, ChannelRelease):
        return f"release {item.version_label}" if item.version_label else "the release of the license's channel"
    return f"{item.name} {item.tag or item.version or item.digest}"


def _is_meant(item: OciRef, manifest: str | None, tag: str | None) -> bool:
    """An index of an older operator doesn't distinguish the two: then it is."""
    if item.digest is not None:
        return manifest in (None, item.digest)
    if tag is None or item.tag is not None:
        return tag in (None, item.tag)
    version = item.version or ""
    if parse(version) is not None:
        return tag == tags.of_version(version)
    found = parse(tags.version_of(tag))
    return found is not None and Range.parse(version).holds(found)

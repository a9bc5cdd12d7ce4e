"""What is reported of sources outside the cluster: condition SourcesReady, events, and why nothing can go on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.api.conditions import SOURCES_READY, Condition, Reason, condition_in
from kotsapp.api.spec import Spec
from kotsapp.reconcile.events import Event, EventReason
from kotsapp.reconcile.outcome import ReconcileError, retryable, terminal
from kotsapp.release.context import ReleaseVersion
from kotsapp.sources import oci, tags
from kotsapp.sources.artifact import Artifact, Seen
from kotsapp.sources.asked_for import is_asked_for, wanted
from kotsapp.sources.channel import ReleaseFacts
from kotsapp.sources.errors import SourceError
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.sources.limits import MAX_ARCHIVE, MIB
from kotsapp.sources.oci_ref import OciRef
from kotsapp.text import counted, listed

MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What looks at ``items`` came to: what can be used, by their names, and ``problems`` of the last look, the newest
    license's among them. ``due`` are the seconds until the next one."""

    items: Sequence[RemoteItem]
    usable: Mapping[str, Artifact]
    problems: Mapping[str, SourceError]
    due: float
    channel_id: str = ""

    def condition(self) -> Condition:
        """SourcesReady; raises ReconcileError where a source has nothing to use, or not what is asked for."""
        if missing := self._missing():
            raise self._nothing(missing)
        if others := self._others():
            raise self._not_what_is_asked_for(others)
        names = listed([describe(item, self.usable[item.name]) for item in self.items], MAX_NAMED)
        if not self.problems:
            return Condition.true(SOURCES_READY, f"{names} fetched")
        message = f"{self._problem()}. Meanwhile {names} is used on"
        return Condition.false(SOURCES_READY, Reason.SOURCE_UNAVAILABLE, message)

    def events(self, before: Mapping[str, Any]) -> list[Event]:
        """A warning when trouble begins or is another one, unless Ready says it, since there is nothing to use, or
        not what is asked for; ``before`` is the status as it was."""
        if not self.problems or self._missing() or self._others():
            return []
        known = condition_in(before, SOURCES_READY) or {}
        if known.get("status") == "False" and self._problem() in str(known.get("message")):
            return []
        return [Event(EventReason.SOURCE_UNAVAILABLE, self._problem(), warning=True)]

    def _missing(self) -> list[str]:
        return [item.name for item in self.items if item.name not in self.usable]

    def _others(self) -> list[RemoteItem]:
        """Those of which another version is kept than the one that is asked for, and could not be had. A required
        release on the way to that one is no trouble."""
        asked = [item for item in self.items if item.name in self.problems]
        return [item for item in asked if not is_asked_for(item, self.usable[item.name], self.channel_id)]

    def _problem(self) -> str:
        return "; ".join(dict.fromkeys(str(error) for error in self.problems.values()))

    def _nothing(self, missing: Sequence[str]) -> ReconcileError:
        names = listed(missing, MAX_NAMED)
        message = f"nothing was fetched yet of {names}: {self._problem().removeprefix(f'{names}: ')}"
        return self._unavailable(message, missing)

    def _not_what_is_asked_for(self, items: Sequence[RemoteItem]) -> ReconcileError:
        names = listed([wanted(item) for item in items], MAX_NAMED)
        kept = listed([describe(item, self.usable[item.name]) for item in items], MAX_NAMED)
        message = f"{names} can't be had: {self._problem()}. What runs is left alone, with {kept}"
        return self._unavailable(message, [item.name for item in items])

    def _unavailable(self, message: str, names: Sequence[str]) -> ReconcileError:
        """A person must act unless all of it passes by itself; it is looked at again at each interval all the same."""
        condition = Condition.false(SOURCES_READY, Reason.SOURCE_UNAVAILABLE, message)
        if all(self.problems[name].passes for name in names if name in self.problems):
            return retryable(Reason.SOURCE_UNAVAILABLE, message, condition, retry_after=max(1.0, self.due))
        return terminal(Reason.SOURCE_UNAVAILABLE, message, condition)


def refuse_too_large(artifacts: Mapping[str, Artifact]) -> None:
    """Raises ReconcileError for more than can be read, and kept."""
    if sum(len(artifact.content) for artifact in artifacts.values()) > MAX_ARCHIVE:
        message = f"the sources outside the cluster hold more than {MAX_ARCHIVE // MIB} MiB together: split the app"
        condition = Condition.false(SOURCES_READY, Reason.SOURCE_UNAVAILABLE, message)
        raise terminal(Reason.SOURCE_UNAVAILABLE, message, condition)


def describe(item: RemoteItem, artifact: Artifact) -> str:
    """How messages name what was fetched."""
    if isinstance(item, ChannelRelease):
        return f"release {ReleaseFacts.of(artifact.facts)}"
    return f"{item.name} {artifact.revision}"


def found(item: RemoteItem, seen: Seen, before: Artifact | None) -> Event:
    """That something new was fetched, and is rolled out now."""
    message = f"{describe(item, seen.artifact)} was fetched"
    if before is not None:
        message += f", in place of {describe(item, before)}"
    if seen.awaits_ready:
        message += f"; it is required, so that {counted(len(seen.available), 'later release')} wait until it is Ready"
    return Event(EventReason.RELEASE_FOUND, message)


def rolled_out(release: str) -> Event:
    """That what was fetched is Ready."""
    return Event(EventReason.RELEASE_ROLLED_OUT, f"{release} is rolled out, and Ready")


def version_of(spec: Spec, fetched: Mapping[str, Artifact]) -> ReleaseVersion:
    """Which release of its channel the app is made from; for an app without such a source one that says nothing, but
    for the tag of the one artifact that it is made from, if there is one."""
    for item in spec.remote:
        if isinstance(item, ChannelRelease):
            return ReleaseFacts.of(fetched[item.name].facts).version()
    tags_ = [fetched[item.name].facts.get(oci.TAG, "") for item in spec.remote if isinstance(item, OciRef)]
    return ReleaseVersion(status_label=tags.version_of(tags_[0]) if len(tags_) == 1 else "")

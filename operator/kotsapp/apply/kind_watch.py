"""The watch of one kind's objects that carry an app's labels, in one namespace or in all, by one identity."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Protocol

from kotsapp.health.assess import has_health
from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import ObjectKey, Owner
from kotsapp.kube.reflector import Reflector

logger = logging.getLogger(__name__)

# Discovery may know a kind a moment before it can be listed.
UNSERVED_TRIES = 3
# What was allowed until now is given a little time before drift is looked for without a watch.
FORBIDDEN_TRIES = 1


def key_in(kind: ResourceType, obj: Mapping[str, Any]) -> ObjectKey:
    """The key of an object of a kind, which need not say what it is."""
    metadata = obj.get("metadata") or {}
    return ObjectKey(kind.api_version, kind.kind, metadata.get("namespace") or "", str(metadata.get("name")))


class View(Protocol):
    """What a watch keeps up to date."""

    def observe(self, kind: ResourceType, event: str, obj: Mapping[str, Any]) -> None:
        """One object, as an event or a list (``LISTED``, for the first one) shows it."""

    def only(self, watch: "KindWatch", listed: Collection[ObjectKey], version: str) -> None:
        """Nothing but what was listed is there, as of this version."""


class KindWatch(Reflector):
    """Goes on while somebody follows it, ever more seldom while the kind is ``unserved`` or ``forbidden``."""

    def __init__(self, kind: ResourceType, namespace: str | None, client: KubeClient, label: str, view: View) -> None:
        super().__init__(f"{kind.plural} in {namespace or 'all namespaces'}")
        self.kind = kind
        self.namespace = namespace
        self.followers: set[Owner] = set()
        self.synced = asyncio.Event()
        self.is_forbidden = False
        self.is_unserved = False
        self._client = client
        self._label = label
        self._view = view
        self.start()

    def try_anew(self, kind: ResourceType) -> None:
        """The kind was found just now, perhaps under another path."""
        self.kind = kind
        self.synced.clear()
        self.retry_now.set()

    async def list(self) -> str:
        light = not has_health(self.kind.api_version, self.kind.kind)
        event = "MODIFIED" if self.synced.is_set() else "LISTED"
        named = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
        listed: list[ObjectKey] = []
        version = ""
        # Whoever may label objects may make them large: of each page what is to be known is kept.
        pages = self._client.pages(self.kind, self.namespace, labels=self._label, metadata_only=light)
        async for page in pages:
            version = page.version
            for item in page.items:
                listed.append(key_in(self.kind, item))
                # The items of a list of a built-in kind don't say what they are.
                self._view.observe(self.kind, event, item | named)
        self._view.only(self, listed, version)
        self.is_forbidden = self.is_unserved = False
        self.synced.set()
        return version

    def watch(self, version: str) -> AsyncIterator[dict[str, Any]]:
        light = not has_health(self.kind.api_version, self.kind.kind)
        return self._client.watch(self.kind, self.namespace, version, labels=self._label, metadata_only=light)

    def observe(self, event: Mapping[str, Any]) -> None:
        self._view.observe(self.kind, event["type"], event["object"])

    def forbidden(self, error: ApiError, failures: int) -> None:
        if not self.is_forbidden and (failures > FORBIDDEN_TRIES or not self.synced.is_set()):
            self.is_forbidden = True
            self.synced.set()
            logger.warning("may not watch %s: %s", self.name, error)

    def unserved(self, failures: int) -> None:
        self._client.forget_kinds(self.kind.api_version)
        self._view.only(self, [], "")  # they went with their definition
        if self.synced.is_set() or failures + 1 > UNSERVED_TRIES:
            self.is_unserved = True
            self.synced.set()

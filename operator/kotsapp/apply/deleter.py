"""Deleting objects, many at a time, last tier first."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from kotsapp.apply.awaiting import Waiting, is_gone, until
from kotsapp.apply.cache import OwnedObjects
from kotsapp.apply.inventory import Entry, Marks, other_owners, spared
from kotsapp.apply.order import LAST_TIER, tier
from kotsapp.apply.refusals import LingeringError, Refusal, RefusedError, StillThere
from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import ObjectKey

logger = logging.getLogger(__name__)

# Requests of one app under way at once; the API server has other clients.
CONCURRENCY = 16
LINGER = 15.0


class Deleter:
    """Deletes objects of one app; ``waiting`` is entered while somebody else has to act."""

    def __init__(self, cache: OwnedObjects, waiting: Waiting = contextlib.nullcontext) -> None:
        self._cache = cache
        self._waiting = waiting

    async def delete(
        self,
        entries: Iterable[Entry],
        marks: Marks,
        done: Callable[[Entry, str | None], None],
        client_for: Callable[[Entry], KubeClient],
        *,
        lingers: bool = True,
    ) -> None:
        """Delete what is live and not spared, last tier first; raises RefusedError for what could not be deleted.

        ``client_for`` an entry has the rights for it. ``done`` is called with each entry that is done with, and why its
        object was left where it was. What may have to clean up after custom resources stays until they are gone,
        unless nothing ``lingers``.
        """
        gate = asyncio.Semaphore(CONCURRENCY)
        ordered = sorted(entries, key=lambda entry: (-tier(entry.key), entry.key))
        by_tier: dict[int, list[Entry]] = {}
        for entry in ordered:
            by_tier.setdefault(tier(entry.key), []).append(entry)
        refusals: list[Refusal] = []

        async def one(entry: Entry) -> None:
            async with gate:
                try:
                    reason = await self._delete_as_served(entry.key, marks, client_for(entry), lingers)
                except UnknownKindError as error:  # it ceased to be served just now
                    refusals.append(Refusal(entry.key, str(error), transient=True))
                    return
                except ApiError as error:
                    refusals.append(Refusal(entry.key, error.message, error.transient, error.status == 403))
                    return
                except LingeringError as error:
                    refusals.append(StillThere(entry.key, str(error), transient=True))
                    return
            done(entry, reason)

        for level, members in by_tier.items():
            await asyncio.gather(*(one(entry) for entry in members))
            if level == LAST_TIER and any(isinstance(refusal, StillThere) for refusal in refusals):
                break
        if refusals:
            raise RefusedError(sorted(refusals, key=lambda refusal: refusal.key))

    async def _delete_as_served(self, key: ObjectKey, marks: Marks, client: KubeClient, lingers: bool) -> str | None:
        """Delete one object; the reason when it is left. The version that it was applied in may be served no more."""
        try:
            return await self._delete(key, marks, client, lingers)
        except UnknownKindError:
            version = await client.other_version(key.api_version, key.kind)
            if version is None:
                return None  # its definition is gone, and all its objects with it
            return await self._delete(replace(key, api_version=version), marks, client, lingers)

    async def _delete(self, key: ObjectKey, marks: Marks, client: KubeClient, lingers: bool) -> str | None:
        kind = await client.resource_type(key.api_version, key.kind)
        live = await client.get_served(kind, key.name, key.namespace)
        if live is None:
            return None
        metadata = live["metadata"]
        reason = spared(live, key, marks)
        if reason is not None:
            logger.info("%s is left alone: %s", key, reason)
            others = other_owners(live, marks)
            if others is not None:
                # The garbage collector would delete it with the app.
                patch = {"resourceVersion": metadata["resourceVersion"], "ownerReferences": others}
                await client.merge(kind, key.name, key.namespace, {"metadata": patch})
            return reason
        if "deletionTimestamp" not in metadata:
            with self._cache.applying(key):
                await client.delete(kind, key.name, key.namespace, uid=metadata["uid"])
            self._cache.forget(key)
        if lingers and tier(key) == LAST_TIER and metadata.get("finalizers"):
            await self._linger(kind, key, metadata, client)
        return None

    async def _linger(
        self, kind: ResourceType, key: ObjectKey, metadata: Mapping[str, Any], client: KubeClient
    ) -> None:
        """Give the controller that a custom resource waits for the time to act: it may be deleted next."""
        try:
            await until(
                lambda: is_gone(kind, key, metadata["uid"], client), LINGER, f"{key} was deleted", self._waiting
            )
        except ApiError as error:
            if error.status:
                raise
            finalizers = ", ".join(map(str, metadata["finalizers"]))
            raise LingeringError(f"is deleted and waits for whoever handles its finalizers {finalizers}") from None

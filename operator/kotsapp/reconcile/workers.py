"""The workers of all apps, and who is to be woken by which Secret or ConfigMap."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kotsapp.kube.objects import Owner
from kotsapp.pods.watch import PodWatches
from kotsapp.reconcile.app import App
from kotsapp.reconcile.reference_watch import ReferenceWatch
from kotsapp.reconcile.worker import Worker


class Workers:
    """One worker for each KotsApp that was seen. ``default_account`` is as whom one without an account applies, empty
    for the operator itself."""

    def __init__(self, default_account: str = "") -> None:
        self._default_account = default_account
        self._workers: dict[Owner, Worker] = {}
        self._references: dict[Owner, frozenset[tuple[str, str]]] = {}
        self._watch: ReferenceWatch | None = None
        self._pods: PodWatches | None = None

    def __len__(self) -> int:
        return len(self._workers)

    def versions(self) -> dict[str, int]:
        """The resourceVersion that is known of each app, by its uid."""
        return {worker.app.uid: worker.app.version for worker in self._workers.values()}

    def watch_with(self, watch: ReferenceWatch) -> None:
        self._watch = watch

    def watch_pods_with(self, pods: PodWatches) -> None:
        self._pods = pods

    def see(self, body: Mapping[str, Any]) -> Worker:
        """The app's worker, which knows this newest state."""
        app, status = App.of(body, self._default_account), body.get("status") or {}
        worker = self._workers.get(app.key)
        if worker is None:
            worker = self._workers[app.key] = Worker(app, dict(status), self._default_account)
        else:
            worker.see(app, status)
        return worker

    def forget(self, app: App) -> bool:
        """The resource is gone; False when another of its name was seen already."""
        key = app.key
        known = self._workers.get(key)
        if known is not None and known.app.uid != app.uid:
            return False
        self._workers.pop(key, None)
        self._references.pop(key, None)
        if self._pods is not None:
            self._pods.unfollow(key)
        if self._watch is not None and not any(namespace == key[0] for namespace, _ in self._workers):
            self._watch.unfollow(key[0])
        return True

    def wake(self, key: Owner) -> None:
        worker = self._workers.get(key)
        if worker is not None:
            worker.wake.set()

    def wake_users(self, kind: str, namespace: str, name: str) -> None:
        """A Secret or ConfigMap changed."""
        for key, references in self._references.items():
            if key[0] == namespace and (kind, name) in references:
                self.wake(key)

    def wake_namespace(self, kind: str, namespace: str) -> None:
        """Any Secret or ConfigMap of the namespace may have changed."""
        for key, references in self._references.items():
            if key[0] == namespace and any(kind == referenced for referenced, _ in references):
                self.wake(key)

    async def close(self) -> None:
        """Stop watching."""
        watches = [watch for watch in (self._watch, self._pods) if watch is not None]
        await asyncio.gather(*(watch.close() for watch in watches))

    async def follow(self, app: App, references: frozenset[tuple[str, str]]) -> None:
        """From when this returns, a change of one of the references wakes the app."""
        if self._watch is None:
            raise RuntimeError("the watch of references is not set")
        self._references[app.key] = references
        await asyncio.gather(*(self._watch.follow(kind, app.namespace) for kind in {kind for kind, _ in references}))

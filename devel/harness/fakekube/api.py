"""The Kubernetes API in process: what tests give to the code under test, and what they do to it.

api = FakeApi()
api.define(yaml_of_a_definition)
api.put({"apiVersion": "v1", "kind": "Namespace", ...})
client = connect(api)                  # the operator's own client, see ``connection``
...
assert api.writes() == ["apply ConfigMap/settings"]
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness.fakekube import answers
from harness.fakekube.kinds import Kind, Kinds
from harness.fakekube.lifecycle import Lifecycle
from harness.fakekube.requests import Call, Fault, Match, Pause, Record, Target
from harness.fakekube.rights import Rights
from harness.fakekube.server import Server
from harness.fakekube.store import Object, Store
from harness.fakekube.streams import Stream
from harness.fakekube.typed import copied
from harness.fakekube.writing import Admission, Writer, utc_now

SOMEBODY = "kubectl"


class UnreachableError(Exception):
    """The request got no answer."""


class FakeApi:
    """An API server on dictionaries. Everything that it holds can be read and changed at once, by whoever tests.

    Longer than other classes, since it is all that a test may do to an API server, a short method each.

    ``audit`` lists the requests that clients made; what a test does by the methods below is not in it.
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.kinds = Kinds()
        self.rights = Rights()
        self.audit: list[Record] = []
        self._store = Store()
        self._lifecycle = Lifecycle(self.kinds, self._store, clock)
        self._writer = Writer(self._store, self._lifecycle, clock)
        self._server = Server(self.kinds, self._store, self._writer, self._lifecycle, self.rights.check)
        self._streams: set[Stream] = set()
        self._faults: list[Fault] = []
        self._pauses: list[Pause] = []

    # -- what a test puts there and looks at

    def put(self, obj: Mapping[str, Any], *, manager: str = SOMEBODY) -> Object:
        """Make the object, or write over the one that is there, status and all, as ``manager``; as it is stored."""
        kind = self.kinds.named(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace") or "", metadata["name"]
        there = self._store.get(kind, namespace, name) is not None
        path = _path(kind, namespace, name if there else "")
        stored = self._do("PUT" if there else "POST", path, copied(obj), manager)
        if kind.has_status and "status" in obj:
            body = {**stored, "status": copied(obj["status"])}
            stored = self._do("PUT", _path(kind, namespace, name) + "/status", body, manager)
        return stored

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        found = self._store.get(self.kinds.called(kind), namespace, name)
        return None if found is None else copied(found)

    def live(self, kind: str, name: str, namespace: str = "") -> Object:
        """The object; raises LookupError when there is none."""
        found = self.get(kind, name, namespace)
        if found is None:
            raise LookupError(f"there is no {kind} {namespace}/{name}")
        return found

    def all(self, kind: str, namespace: str = "") -> list[Object]:
        return [copied(obj) for obj in self._store.all(self.kinds.called(kind), namespace)]

    def change(
        self, kind: str, name: str, patch: Mapping[str, Any], namespace: str = "", *, manager: str = SOMEBODY
    ) -> Object:
        """A JSON merge patch, of the status when the patch has nothing else."""
        path = _path(self.kinds.called(kind), namespace, name)
        if set(patch) == {"status"}:
            path += "/status"
        return self._do("PATCH", path, patch, manager)

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        self._do("DELETE", _path(self.kinds.called(kind), namespace, name), None, SOMEBODY)

    def define(self, definition: Mapping[str, Any]) -> None:
        """Make a CustomResourceDefinition."""
        self.put(definition)

    def namespace(self, name: str) -> None:
        self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def writes(self) -> list[str]:
        """Writes of clients, dry runs aside, as ``verb Kind/name``."""
        return [str(record) for record in self.audit if record.writes]

    def requests(self) -> list[str]:
        return [str(record) for record in self.audit]

    @property
    def version(self) -> int:
        """The resourceVersion of the newest write."""
        return self._store.version

    # -- what a test has happen

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        match: Match | None = None,
        message: str = "injected",
        lost: bool = False,
        retry_after: int | None = None,
    ) -> Fault:
        """The next ``times`` matching requests fail; with ``lost`` they are carried out, and not answered.

        ``status`` 0 is no answer at all. Of a watch its opening is meant.
        """
        fault = Fault(match or Match(), status, times, message, lost, retry_after)
        self._faults.append(fault)
        return fault

    @contextmanager
    def paused(self, match: Match, *, answered: bool = False) -> Iterator[Pause]:
        """The next matching request waits until the block ends, or ``release`` is set; see Pause."""
        pause = Pause(match, answered)
        self._pauses.append(pause)
        try:
            yield pause
        finally:
            pause.release.set()
            if pause in self._pauses:
                self._pauses.remove(pause)

    def admit_by(self, admission: Admission) -> None:
        """Ask before anything is stored, as of a webhook; it refuses by raising ``answers.RefusedError``."""
        self._writer.admission.append(admission)

    def watches(self) -> list[str]:
        """The watches that are open, by kind."""
        return sorted(stream.record.kind for stream in self._streams)

    def end_watches(self, how: str = "end", kind: str | None = None) -> int:
        """End the open watches: as after their time (``end``), by ``cut``, or with a 410 (``expire``); how many."""
        ended = [stream for stream in self._streams if kind in (None, stream.record.kind)]
        for stream in ended:
            stream.finish(how)
        return len(ended)

    def bookmark(self) -> None:
        """Send a bookmark to every watch."""
        for stream in self._streams:
            stream.mark()

    def compact(self) -> None:
        """Forget what was: watches from before get a 410, and lists that are read in chunks, too."""
        self._store.oldest = self._store.version
        self._server.forget_pages()

    @property
    def establishes(self) -> bool:
        """Whether definitions come to be served; False keeps them waiting until ``establish``."""
        return self._lifecycle.establishes

    @establishes.setter
    def establishes(self, value: bool) -> None:
        self._lifecycle.establishes = value

    def establish(self, name: str) -> None:
        self._lifecycle.establish(self.live("CustomResourceDefinition", name))

    def without_garbage_collector(self) -> None:
        """Owned objects outlive their owners."""
        self._lifecycle.collects = False

    # -- what clients do

    async def answer(self, call: Call) -> dict[str, Any]:
        """Raises RefusedError, and UnreachableError when there is no answer."""
        await asyncio.sleep(0)
        position, record = len(self.audit), _record(call, Target.of(call.path, self.kinds))
        self.audit.append(record)
        await self._wait(record, answered=False)
        target = Target.of(call.path, self.kinds)  # what is served may have changed
        fault = self._fault(record)
        try:
            if fault is not None and not fault.lost:
                raise _failure(fault)
            answer = self._answer(call, target)
            self.audit[position] = replace(record, status=200)
        except answers.RefusedError as refused:
            self.audit[position] = replace(record, status=refused.status)
            raise
        await self._wait(record, answered=True)
        if fault is not None:
            raise _failure(fault)
        return answer

    async def stream(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        """A watch's events; raises as ``answer`` does, and CutError when the stream is cut."""
        await asyncio.sleep(0)
        record = _record(call, Target.of(call.path, self.kinds))
        self.audit.append(record)
        await self._wait(record, answered=False)
        target = Target.of(call.path, self.kinds)  # what is served may have changed
        fault = self._fault(record)
        if fault is not None:
            raise _failure(fault)
        if target is None:
            raise answers.no_path()
        self.rights.check(call.user, "watch", target)
        stream = Stream(record, target, call, self._store)
        self._streams.add(stream)
        try:
            async for event in stream.events():
                yield copied(event)
        finally:
            self._streams.discard(stream)

    def _answer(self, call: Call, target: Target | None) -> dict[str, Any]:
        review = self.rights.review(call)
        if review is not None:
            return review
        if target is not None:
            return self._server.answer(call, target)
        document = self.kinds.document(call.path) if call.method == "GET" else None
        if document is None:
            raise answers.no_path()
        return document

    def _fault(self, record: Record) -> Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.match.covers(record):
                fault.times -= 1
                return fault
        return None

    async def _wait(self, record: Record, *, answered: bool) -> None:
        for pause in list(self._pauses):
            if pause.answered == answered and pause.match.covers(record):
                self._pauses.remove(pause)
                pause.reached.set()
                await pause.release.wait()

    def _do(self, method: str, path: str, body: Any, manager: str) -> Object:
        """A request of the test's own: everything is allowed, nothing recorded."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        call = Call(method, path, {"fieldManager": manager}, body, "", content_type, self.rights.EVERYTHING, manager)
        target = Target.of(path, self.kinds)
        if target is None:
            raise answers.no_path()
        return self._server.answer(call, target)


def _failure(fault: Fault) -> Exception:
    if not fault.status:
        return UnreachableError(fault.message)
    refused = answers.refused(fault.status, fault.message)
    if fault.retry_after is not None:
        refused.retry_after = fault.retry_after
    return refused


def _record(call: Call, target: Target | None) -> Record:
    if target is None:
        kind = call.body.get("kind", "") if isinstance(call.body, Mapping) else call.path
        return Record("review" if call.method == "POST" else "get", str(kind), "", "", call.user)
    body_name = (
        call.body["metadata"].get("name", "") if call.method == "POST" and isinstance(call.body, Mapping) else ""
    )
    verb = "apply" if call.is_apply else target.verb(call)
    name = target.name or body_name
    return Record(verb, target.kind.kind, target.namespace, name, call.user, call.dry_run, target.subresource)


def _path(kind: Kind, namespace: str, name: str) -> str:
    parts = ["apis" if kind.group else "api", kind.api_version]
    parts += ["namespaces", namespace] if kind.namespaced else []
    return "/" + "/".join([*parts, kind.plural, *([name] if name else [])])

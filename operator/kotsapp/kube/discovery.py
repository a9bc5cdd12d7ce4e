"""Which kinds the API server serves, and under which paths."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kotsapp.kube.connection import Connection
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.objects import is_path_segment
from kotsapp.kube.request import Request

# A kind that isn't served may be in a moment, when its CRD was just made; discovery isn't free, though.
UNKNOWN_KIND_SECONDS = 3.0
# A large cluster serves two hundred; beyond this, those that turned out not to be served are forgotten.
MAX_VERSIONS = 1_000
# A version, or a group and a version, as DNS names: anything else would be another path of the API.
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_API_VERSION = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL}){{0,40}}/)?{_LABEL}")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """Where objects of a kind live in the API."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The request's path; raises ApiError for a name that would lead it elsewhere."""
        for segment in (namespace, name):
            if segment and not is_path_segment(segment):
                raise ApiError(400, "BadRequest", f"{segment!r} is not a name of an object")
        parts = ["/api" if "/" not in self.api_version else "/apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        return "/".join(parts)


class Discovery:
    """Kinds by the group and version that serves them, asked for once; one that is missing is asked for again.

    Only an answer says that a kind is not served. A failure is an ApiError, never taken for a missing kind.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._served: dict[str, dict[str, ResourceType]] = {}
        self._asked: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def forget(self, api_version: str) -> None:
        """The next search there asks the API server."""
        self._served.pop(api_version, None)
        self._asked.pop(api_version, None)

    @property
    def size(self) -> int:
        """How many versions something is kept of."""
        return len(self._served.keys() | self._asked.keys() | self._locks.keys())

    def _forget_unserved(self) -> None:
        if len(self._locks) < MAX_VERSIONS:
            return
        for version in [version for version, lock in self._locks.items() if not lock.locked()]:
            if not self._served.get(version):
                self.forget(version)
                del self._locks[version]

    async def find(self, api_version: str, kind: str) -> ResourceType:
        found = self._served.get(api_version, {}).get(kind)
        if found is not None:
            return found
        if not _API_VERSION.fullmatch(api_version):
            raise UnknownKindError(api_version, kind)
        self._forget_unserved()
        async with self._locks.setdefault(api_version, asyncio.Lock()):
            now = asyncio.get_running_loop().time()
            if api_version not in self._asked or now - self._asked[api_version] > UNKNOWN_KIND_SECONDS:
                self._served[api_version] = await self._ask(api_version)
                self._asked[api_version] = now
        found = self._served.get(api_version, {}).get(kind)
        if found is None:
            raise UnknownKindError(api_version, kind)
        return found

    async def other_version(self, api_version: str, kind: str) -> str | None:
        """Another version of the group, as ``group/version``, that the kind is served in; None when there is none."""
        self.forget(api_version)
        group = api_version.rpartition("/")[0]
        if not group or not is_path_segment(group):
            return None
        try:
            answer = await self._connection.json(Request("GET", f"/apis/{group}"))
        except ApiError as error:
            if error.not_found:
                return None
            raise
        for version in [str(version["groupVersion"]) for version in answer.get("versions") or ()]:
            if version != api_version:
                with contextlib.suppress(UnknownKindError):
                    return (await self.find(version, kind)).api_version
        return None

    async def kinds(self, api_version: str) -> Sequence[ResourceType]:
        """The kinds of a group and version, asked for anew; none where it is not served."""
        return tuple((await self._ask(api_version)).values())

    async def api_versions(self) -> Sequence[str]:
        groups = await self._connection.json(Request("GET", "/apis"))
        versions = ["v1", *(version["groupVersion"] for group in groups["groups"] for version in group["versions"])]
        served: list[str] = []
        for version in versions:
            served.append(version)
            try:
                kinds = await self._ask(version)
            except ApiError:
                continue  # an aggregated API whose server is down: its kinds are unknown, the others are not
            served += [f"{version}/{kind}" for kind in sorted(kinds)]
        return served

    async def _ask(self, api_version: str) -> dict[str, ResourceType]:
        if not _API_VERSION.fullmatch(api_version):
            return {}
        try:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            answer = await self._connection.json(Request("GET", path))
        except ApiError as error:
            if error.not_found:
                return {}
            raise
        found: dict[str, ResourceType] = {}
        for item in answer.get("resources") or ():
            if "/" not in item["name"]:
                kind = ResourceType(api_version, item["kind"], item["name"], bool(item["namespaced"]))
                found.setdefault(item["kind"], kind)
        return found

"""Objects of the API server as plain dictionaries.

One connection pool and one discovery serve everybody; a client that impersonates an account shares both.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kotsapp.kube.connection import WATCH_SECONDS, AnswerTooLargeError, Connection
from kotsapp.kube.discovery import Discovery, ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError, event_or_error
from kotsapp.kube.fence import Fence
from kotsapp.kube.lines import MAX_EVENT
from kotsapp.kube.objects import key_of
from kotsapp.kube.request import JSON, Request

FIELD_MANAGER: Final = "kotsapp"
LIST_CHUNK = 500
# 500 ordinary objects have some 2 MiB. Whoever may label objects can make each of them 1.5 MiB, or its annotations 256
# KiB: then fewer are asked for at once.
MAX_PAGE = 4 * 2**20

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# Tables with no object in them: their rows' first cell is a name.
NAMES_ONLY = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Page(NamedTuple):
    """Some of the objects of a list, and the list's resourceVersion."""

    items: Sequence[dict[str, Any]]
    version: str


class KubeClient:
    """Reads and writes objects as plain dictionaries; raises ApiError, and UnknownKindError for unserved kinds.

    Longer than other classes, since it is the API's verbs, a short method each.
    """

    def __init__(
        self, connection: Connection, discovery: Discovery, server_version: str, user: str | None = None
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self.server_version = server_version
        self.user = user

    def impersonating(self, user: str) -> "KubeClient":
        """The same connections, every request made as ``user``."""
        return KubeClient(self._connection, self._discovery, self.server_version, user)

    async def resource_type(self, api_version: str, kind: str) -> ResourceType:
        return await self._discovery.find(api_version, kind)

    def forget_kinds(self, api_version: str) -> None:
        """A definition there was made, changed or removed: what was discovered of its kinds holds no longer."""
        self._discovery.forget(api_version)

    async def other_version(self, api_version: str, kind: str) -> str | None:
        return await self._discovery.other_version(api_version, kind)

    async def api_versions(self) -> Sequence[str]:
        """Every served group/version and group/version/Kind, as Helm's ``--api-versions`` takes them."""
        return await self._discovery.api_versions()

    async def kinds(self, api_version: str) -> Sequence[ResourceType]:
        """The kinds that are served in a group and version."""
        return await self._discovery.kinds(api_version)

    async def get(
        self, kind: ResourceType, name: str, namespace: str | None = None, *, metadata_only: bool = False
    ) -> dict[str, Any] | None:
        """The object, or None when there is none, or no such kind any more."""
        try:
            accept = METADATA_ONLY if metadata_only else JSON
            return await self._json(Request("GET", kind.path(namespace, name), accept=accept))
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def get_served(self, kind: ResourceType, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None when there is none; raises UnknownKindError when its kind has ceased to be served."""
        try:
            return await self._json(Request("GET", kind.path(namespace, name)))
        except ApiError as error:
            if error.path_not_found:
                raise UnknownKindError(kind.api_version, kind.kind) from None
            if error.not_found:
                return None
            raise

    async def apply(
        self, obj: Mapping[str, Any], *, dry_run: bool = False, manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Server-side apply with our field manager, by force; the object as the server stores it."""
        key = key_of(obj)
        kind = await self.resource_type(key.api_version, key.kind)
        query: list[tuple[str, str]] = [("fieldManager", manager), ("force", "true")]
        if dry_run:
            query.append(("dryRun", "All"))
        path = kind.path(key.namespace, key.name)
        return await self._json(Request("PATCH", path, obj, query, content_type=APPLY_PATCH))

    async def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        key = key_of(obj)
        kind = await self.resource_type(key.api_version, key.kind)
        query: list[tuple[str, str]] = [("fieldManager", FIELD_MANAGER)]
        if dry_run:
            query.append(("dryRun", "All"))
        return await self._json(Request("POST", kind.path(key.namespace), obj, query))

    async def delete(
        self,
        kind: ResourceType,
        name: str,
        namespace: str | None,
        *,
        uid: str | None,
        version: str | None = None,
    ) -> bool:
        """Delete the object with this uid; False when it is gone already or another has taken its name.

        With a ``version`` only as it was then: raises ApiError with status 409 when it has changed meanwhile.
        """
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid, **({"resourceVersion": version} if version else {})}
        try:
            await self._json(Request("DELETE", kind.path(namespace, name), options))
        except ApiError as error:
            if error.not_found:
                return False
            if error.status == 409 and uid:
                live = await self.get(kind, name, namespace, metadata_only=True)
                if live is None or live["metadata"]["uid"] != uid:
                    return False
            raise
        return True

    async def merge(self, kind: ResourceType, name: str, namespace: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON merge patch (RFC 7386)."""
        path = kind.path(namespace, name)
        return await self._json(Request("PATCH", path, patch, content_type=MERGE_PATCH))

    async def patch_status(self, kind: ResourceType, name: str, namespace: str, patch: Sequence[Any]) -> dict[str, Any]:
        """A JSON patch of the status subresource."""
        path = kind.path(namespace, name) + "/status"
        return await self._json(Request("PATCH", path, list(patch), content_type=JSON_PATCH))

    async def list(
        self,
        kind: ResourceType,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        metadata_only: bool = False,
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects that the selectors match, and the list's resourceVersion. For who has room for all of them."""
        items: list[dict[str, Any]] = []
        version = ""
        async for page in self.pages(kind, namespace, labels=labels, fields=fields, metadata_only=metadata_only):
            items += page.items
            version = page.version
        return items, version

    async def pages(
        self,
        kind: ResourceType,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        metadata_only: bool = False,
        chunk: int = LIST_CHUNK,
    ) -> AsyncIterator[Page]:
        """As ``list``, at most ``chunk`` objects at a time, and fewer where they are large: for who keeps little of
        each, or may want to read no further."""
        accept = METADATA_LIST if metadata_only else JSON
        most, more = chunk, ""
        while True:
            query = [("limit", str(chunk))]
            if labels:
                query.append(("labelSelector", labels))
            if fields:
                query.append(("fieldSelector", fields))
            if more:
                query.append(("continue", more))
            request = Request("GET", kind.path(namespace), query=query, accept=accept, user=self.user)
            try:
                page, size = await self._connection.page(request, MAX_PAGE if chunk > 1 else MAX_EVENT)
            except AnswerTooLargeError:
                if chunk == 1:
                    raise ApiError(0, "TooLarge", f"one of the {kind.plural} is too large to be read") from None
                chunk = max(chunk // 4, 1)
                continue
            metadata = page.get("metadata") or {}
            yield Page(page.get("items") or [], str(metadata.get("resourceVersion") or ""))
            more = metadata.get("continue") or ""
            if not more:
                return
            if size < MAX_PAGE // 4:
                chunk = min(2 * chunk, most)

    async def version_of(self, kind: ResourceType, namespace: str | None = None) -> str:
        """The resourceVersion from which a watch sees everything that comes, read without reading an object."""
        query = [("limit", "1"), ("includeObject", "None")]
        page = await self._json(Request("GET", kind.path(namespace), query=query, accept=NAMES_ONLY))
        return str((page.get("metadata") or {}).get("resourceVersion") or "")

    async def watch(
        self,
        kind: ResourceType,
        namespace: str | None,
        resource_version: str,
        *,
        labels: str | None = None,
        names_only: bool = False,
        metadata_only: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Watch events (``type`` and ``object``), bookmarks included, until the server ends the stream."""
        query = [
            ("watch", "1"),
            ("resourceVersion", resource_version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        if labels:
            query.append(("labelSelector", labels))
        accept = METADATA_ONLY if metadata_only else JSON
        if names_only:
            accept = NAMES_ONLY
            query.append(("includeObject", "None"))
        request = Request("GET", kind.path(namespace), query=query, accept=accept, user=self.user)
        async for event in self._connection.stream(request):
            yield event_or_error(event)

    async def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Any other call, such as a self review; JSON in and out."""
        return await self._json(Request(method, path, body))

    async def _json(self, request: Request) -> dict[str, Any]:
        return await self._connection.json(request.impersonating(self.user))


async def connect(
    user_agent: str, *, context: str | None = None, kubeconfig: str | None = None, fence: Fence | None = None
) -> tuple[KubeClient, Connection]:
    """A client by the in-cluster account, else by a kubeconfig; the Connection is to be closed at the end.

    Raises ConfigException, and ApiError when the API server gives no answer that serves.
    """
    connection = await Connection.open(user_agent, context, kubeconfig, fence)
    try:
        version = await connection.json(Request("GET", "/version"), attempts=1)
    except BaseException:
        await connection.close()
        raise
    return KubeClient(connection, Discovery(connection), str(version.get("gitVersion"))), connection

"""A client of the API server, over the dynamic client of ``kubernetes.aio``.

One connection pool and one discovery serve everybody; a client that impersonates an account shares both.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from kubernetes.aio import client as aio_client
from kubernetes.aio import config as aio_config
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient

from kotsapp.cluster.errors import ApiError, UnknownKindError, from_exception
from kotsapp.cluster.objects import is_path_segment, key_of

FIELD_MANAGER: Final = "kotsapp"
MAX_CONNECTIONS = 256
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# Bookmarks come about every minute; a stream silent for longer has lost its peer.
WATCH_SECONDS = 290
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, connect=10, sock_read=100)
# A busy or restarting API server is asked again this often before the whole reconciliation is put off.
ATTEMPTS = 4
MAX_RETRY_WAIT = 5.0
# A kind that isn't served may be in a moment, when its CRD was just made; discovery isn't free, though.
UNKNOWN_KIND_SECONDS = 3.0
LIST_CHUNK = 500

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
# Tables with no object in them: their rows' first cell is a name.
NAMES_ONLY = "application/json;as=Table;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


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
                raise ApiError(400, "BadRequest", f"{segment!r} is no name of an object")
        parts = ["/api" if "/" not in self.api_version else "/apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        return "/".join(parts)


class KubeClient:
    """Reads and writes objects as plain dictionaries; raises ApiError, and UnknownKindError for unserved kinds."""

    def __init__(self, dynamic: DynamicClient, discovery: "_Discovery", user: str | None = None) -> None:
        self._dynamic = dynamic
        self._discovery = discovery
        self.user = user

    def impersonating(self, user: str) -> "KubeClient":
        """The same connections, every request made as ``user``."""
        return KubeClient(self._dynamic, self._discovery, user)

    async def resource_type(self, api_version: str, kind: str) -> ResourceType:
        return await self._discovery.find(api_version, kind)

    def forget_kinds(self, api_version: str) -> None:
        """A definition there was made, changed or removed: what was discovered of its kinds holds no longer."""
        self._discovery.forget(api_version)

    async def api_versions(self) -> Sequence[str]:
        """Every served group/version and group/version/Kind, as Helm's ``--api-versions`` takes them."""
        return await self._discovery.api_versions()

    @property
    def server_version(self) -> str:
        return str(self._dynamic.version["kubernetes"]["gitVersion"])

    async def get(
        self, kind: ResourceType, name: str, namespace: str | None = None, *, metadata_only: bool = False
    ) -> dict[str, Any] | None:
        """The object, or None when there is none."""
        try:
            return await self._json("get", kind.path(namespace, name), accept=METADATA_ONLY if metadata_only else None)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def apply(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Server-side apply with our field manager, by force; the object as the server stores it."""
        key = key_of(obj)
        kind = await self.resource_type(key.api_version, key.kind)
        query: list[tuple[str, str]] = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        if dry_run:
            query.append(("dryRun", "All"))
        path = kind.path(key.namespace, key.name)
        return await self._json("patch", path, body=obj, query=query, content_type="application/apply-patch+yaml")

    async def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        key = key_of(obj)
        kind = await self.resource_type(key.api_version, key.kind)
        query: list[tuple[str, str]] = [("fieldManager", FIELD_MANAGER)]
        if dry_run:
            query.append(("dryRun", "All"))
        return await self._json("post", kind.path(key.namespace), body=obj, query=query)

    async def delete(
        self, kind: ResourceType, name: str, namespace: str | None, *, uid: str | None, propagation: str = "Background"
    ) -> bool:
        """Delete the object with this uid; False when it is gone already or another has taken its name."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self._json("delete", kind.path(namespace, name), body=options)
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
        return await self._json("patch", path, body=patch, content_type="application/merge-patch+json")

    async def patch_status(self, kind: ResourceType, name: str, namespace: str, patch: Sequence[Any]) -> dict[str, Any]:
        """A JSON patch of the status subresource."""
        path = kind.path(namespace, name) + "/status"
        return await self._json("patch", path, body=list(patch), content_type="application/json-patch+json")

    async def list(
        self,
        kind: ResourceType,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        metadata_only: bool = False,
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects, asked for in chunks, and the list's resourceVersion."""
        items: list[dict[str, Any]] = []
        more: str | None = None
        while True:
            query = [("limit", str(LIST_CHUNK))]
            if labels:
                query.append(("labelSelector", labels))
            if more:
                query.append(("continue", more))
            accept = METADATA_LIST if metadata_only else None
            page = await self._json("get", kind.path(namespace), query=query, accept=accept)
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            more = metadata.get("continue")
            if not more:
                return items, str(metadata.get("resourceVersion") or "")

    async def version_of(self, kind: ResourceType, namespace: str | None = None) -> str:
        """The resourceVersion from which a watch sees everything that comes, read without reading an object."""
        query = [("limit", "1"), ("includeObject", "None")]
        page = await self._json("get", kind.path(namespace), query=query, accept=NAMES_ONLY)
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
        accept = METADATA_ONLY if metadata_only else None
        if names_only:
            accept = NAMES_ONLY
            query.append(("includeObject", "None"))
        try:
            response = await self._send("get", kind.path(namespace), query=query, accept=accept, timeout=WATCH_TIMEOUT)
            async with response:
                async for line in response.content:
                    event = json.loads(line)
                    if event.get("type") == "ERROR":
                        status = event.get("object") or {}
                        raise ApiError(
                            int(status.get("code") or 0), str(status.get("reason")), str(status.get("message"))
                        )
                    yield event
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(0, "Unavailable", f"the watch of {kind.plural} was cut: {type(error).__name__}") from None

    async def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Any other call, such as a self review; JSON in and out."""
        return await self._json(method, path, body=body)

    async def _json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        accept: str | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._send(method, path, body, query, accept, content_type, REQUEST_TIMEOUT)
                async with response:
                    return dict(await response.json())
            except ApiError as error:
                # Asking again helps an apply that met another write; a name that is taken stays so.
                lost = error.status == 409 and method != "patch"
                if not error.transient or lost or attempt == ATTEMPTS:
                    raise
                wait = error.retry_after if error.retry_after is not None else 0.1 * 4**attempt
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if attempt == ATTEMPTS:
                    raise ApiError(
                        0, "Unavailable", f"the API server can't be reached: {type(error).__name__}"
                    ) from None
                wait = 0.1 * 4**attempt
            await asyncio.sleep(min(wait, MAX_RETRY_WAIT))
        raise AssertionError("unreachable")

    async def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        accept: str | None = None,
        content_type: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept or "application/json"}
        if self.user:
            headers["Impersonate-User"] = self.user
        try:
            response: aiohttp.ClientResponse = await self._dynamic.request(
                method,
                path,
                body=body,
                query_params=list(query),
                header_params=headers,
                content_type=content_type,
                serialize=False,
                _request_timeout=timeout,
            )
        except ApiException as error:
            raise from_exception(error) from None
        return response


class _Discovery:
    """Kinds by the group and version that serves them, asked for once; one that is missing is asked for again.

    Only an answer says that a kind is not served. A failure is an ApiError, never taken for a missing kind.
    """

    def __init__(self, dynamic: DynamicClient) -> None:
        self._client = KubeClient(dynamic, self)
        self._served: dict[str, dict[str, ResourceType]] = {}
        self._asked: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def forget(self, api_version: str) -> None:
        """The next search there asks the API server."""
        self._served.pop(api_version, None)
        self._asked.pop(api_version, None)

    async def find(self, api_version: str, kind: str) -> ResourceType:
        found = self._served.get(api_version, {}).get(kind)
        if found is not None:
            return found
        async with self._locks.setdefault(api_version, asyncio.Lock()):
            now = asyncio.get_running_loop().time()
            if api_version not in self._asked or now - self._asked[api_version] > UNKNOWN_KIND_SECONDS:
                self._served[api_version] = await self._ask(api_version)
                self._asked[api_version] = now
        found = self._served.get(api_version, {}).get(kind)
        if found is None:
            raise UnknownKindError(api_version, kind)
        return found

    async def api_versions(self) -> Sequence[str]:
        groups = await self._client.request("get", "/apis")
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
        if not all(is_path_segment(part) for part in api_version.split("/")):
            return {}
        try:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            answer = await self._client.request("get", path)
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


async def connect(user_agent: str, *, context: str | None = None) -> tuple[KubeClient, aio_client.ApiClient]:
    """A client by the in-cluster account, else by KUBECONFIG; the ApiClient is to be closed at the end.

    Raises ApiError when the API server gives no answer that serves.
    """
    configuration = aio_client.Configuration()
    if context is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
        aio_config.load_incluster_config(client_configuration=configuration)
    else:
        await aio_config.load_kube_config(client_configuration=configuration, context=context)
    configuration.connection_pool_maxsize = MAX_CONNECTIONS
    api = aio_client.ApiClient(configuration)
    api.user_agent = user_agent
    try:
        # The default cache file has a predictable name in a folder that everybody may write to; none is needed.
        with tempfile.TemporaryDirectory(prefix="kotsapp-") as folder:
            dynamic = await DynamicClient(api, cache_file=str(Path(folder) / "discovery.json"))
    except ApiException as error:
        await api.close()
        raise from_exception(error) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        await api.close()
        raise ApiError(0, "Unavailable", f"the API server can't be reached: {type(error).__name__}") from None
    except BaseException:
        await api.close()
        raise
    return KubeClient(dynamic, _Discovery(dynamic)), api

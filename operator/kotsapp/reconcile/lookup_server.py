"""Answers what a chart's ``lookup`` asks, on a loopback port, for as long as a release is rendered (DESIGN 6.5).

Helm gets the address, in which there is a token for this one rendering, and nothing of the operator's: what is asked is
asked anew here, by GET alone, as the app's account; without one, only for objects of this app in its namespace.
"""

import base64
import binascii
import hmac
import json
import secrets as random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.release import cluster_view
from kotsapp.release.cluster_view import Question

# A chart looks up a handful of objects; what a loop over names of its own can make of it has an end.
MAX_LOOKUPS = 500
# Of all answers together, which helm holds in its memory.
MAX_BYTES = 8 * 1024 * 1024
# Objects read at a time: one is at most 1.5 MiB.
CHUNK = 20
# A shorter value of a Secret is no secret, and would make a message unreadable.
MIN_SECRET = 4

_FORBIDDEN = HTTPStatus.FORBIDDEN


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks up: ``labels`` are those of the only objects that it may see, in ``namespace``; None where the
    client's own rights decide."""

    client: KubeClient
    namespace: str
    labels: Mapping[str, str] | None


class LookupServer:
    """What helm may ask. ``url`` is where; it is a secret.

    ``refused`` says that a right was missing.
    """

    def __init__(
        self,
        looker: Looker,
        version: str,
        api_versions: Iterable[str],
        *,
        max_lookups: int = MAX_LOOKUPS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._max_lookups = max_lookups
        self._max_bytes = max_bytes
        self.url = ""
        self.port = 0
        self.refused = False
        self._failure: ApiError | None = None
        self._waiting = 0
        self._looker = looker
        self._version = version
        self._kinds = cluster_view.kinds_in(api_versions)
        self._pretended: frozenset[tuple[str, str]] = frozenset()
        self._discovered: set[str] = set()
        self._types: dict[str, dict[str, ResourceType]] = {}
        self._secrets: set[str] = set()
        self._token = random.token_urlsafe(32)
        self._lookups = self._bytes = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What looked up Secrets hold, longest first: it may be in no message."""
        return tuple(sorted(self._secrets, key=len, reverse=True))

    @property
    def failure(self) -> ApiError | None:
        """The API server's, which may be gone the next time, such as that its answer is still awaited."""
        if self._failure is None and self._waiting:
            return ApiError(0, "Timeout", "the API server does not answer what a chart looks up")
        return self._failure

    def begin(self, pretended: frozenset[tuple[str, str]]) -> None:
        """Helm is started: of the kinds that are not served it is to map these, too."""
        self._pretended = pretended
        self._discovered = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["LookupServer"]:
        """Answer until the block ends."""
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = int(runner.addresses[0][1])
            self.url = f"http://127.0.0.1:{self.port}/{self._token}"
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        token, *path = request.path.strip("/").split("/")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return _status(HTTPStatus.NOT_FOUND, "NotFound", "not found")
        if request.method == "POST" and path in (["begin"], ["secrets"]):
            return await self._control(path[0], request)
        if request.method != "GET":
            return _status(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", "a chart may only look up")
        if path == ["version"]:
            return web.json_response(cluster_view.version(self._version))
        accept = request.headers.get("Accept", "")
        if path in (["api"], ["apis"]) and cluster_view.AGGREGATED in accept:
            return self._discovery(path[0], accept)
        asked = cluster_view.version_in(path)
        if asked is None:
            return _status(HTTPStatus.NOT_FOUND, "NotFound", "not found")
        self._waiting += 1
        try:
            return await self._of_version(*asked)
        except ApiError as error:
            return self._refusal(error)
        finally:
            self._waiting -= 1

    async def _control(self, what: str, request: web.BaseRequest) -> web.Response:
        """What whoever runs helm, in another process, has to say and to know (see ``RemoteLookups``)."""
        if what == "secrets":
            return web.json_response(self.secrets)
        self.begin(frozenset((str(version), str(kind)) for version, kind in await request.json()))
        return web.json_response(None)

    def _discovery(self, path: str, accept: str) -> web.Response:
        # Helm's own view of what is served comes first, what its mapping lacks is only in what it asks for again.
        pretended = self._pretended if path in self._discovered else frozenset()
        self._discovered.add(path)
        form = "v2" if "v=v2;" in accept else "v2beta1"
        found = cluster_view.aggregated(self._kinds, pretended, core=path == "api", form=form)
        content = f"application/json;g={cluster_view.AGGREGATED};v={form};as=APIGroupDiscoveryList"
        return web.Response(body=json.dumps(found).encode(), headers={"Content-Type": content})

    async def _of_version(self, api_version: str, rest: Sequence[str]) -> web.Response:
        types = self._types.get(api_version)
        if types is None:
            types = {kind.plural: kind for kind in await self._looker.client.kinds(api_version)}
            self._types[api_version] = types
        if not rest:
            return web.json_response(_resource_list(api_version, types.values()))
        question = cluster_view.question_in(api_version, rest)
        kind = types.get(question.plural) if question else None
        if question is None or kind is None:
            return _status(HTTPStatus.NOT_FOUND, "NotFound", "not found")
        self._lookups += 1
        if self._lookups > self._max_lookups:
            return _status(_FORBIDDEN, "Forbidden", f"the release looks up more than {self._max_lookups} times")
        found = await (self._one(kind, question) if question.name else self._all(kind, question))
        if found is None:
            return _status(HTTPStatus.NOT_FOUND, "NotFound", f'{kind.plural} "{question.name}" not found')
        body = json.dumps(found).encode()
        self._count(len(body))
        return web.Response(body=body, content_type="application/json")

    async def _one(self, kind: ResourceType, question: Question) -> dict[str, Any] | None:
        looker = self._looker
        if looker.labels is not None and not self._may_hold_own(kind, question):
            return None
        try:
            found = await looker.client.get(kind, question.name, question.namespace)
        except ApiError as error:
            if looker.labels is not None and error.status == _FORBIDDEN:
                return None  # what the operator may not read is none of the app's objects
            raise
        if found is None or not self._is_shown(found):
            return None
        self._note_secrets(kind, found)
        return found

    async def _all(self, kind: ResourceType, question: Question) -> dict[str, Any]:
        looker = self._looker
        namespace, labels = question.namespace, None
        items: list[dict[str, Any]] = []
        if looker.labels is not None:
            namespace = looker.namespace
            labels = ",".join(f"{name}={value}" for name, value in looker.labels.items())
        if looker.labels is None or self._may_hold_own(kind, question):
            try:
                size = 0
                async for page in looker.client.pages(kind, namespace, labels=labels, chunk=CHUNK):
                    shown = [found for found in page.items if self._is_shown(found)]
                    items += shown
                    size += len(json.dumps(shown))
                    self._check(size)
            except ApiError as error:
                if looker.labels is None or error.status != _FORBIDDEN:
                    raise
        for found in items:
            self._note_secrets(kind, found)
        whole = [{"apiVersion": kind.api_version, "kind": kind.kind, **found} for found in items]
        return {"apiVersion": kind.api_version, "kind": f"{kind.kind}List", "metadata": {}, "items": whole}

    def _may_hold_own(self, kind: ResourceType, question: Question) -> bool:
        """Whether objects of the app may be where it is asked."""
        return kind.namespaced and question.namespace in ("", self._looker.namespace)

    def _is_shown(self, found: Mapping[str, Any]) -> bool:
        looker = self._looker
        if looker.labels is None:
            return True
        metadata = found["metadata"]
        labels = metadata.get("labels") or {}
        own = all(labels.get(name) == value for name, value in looker.labels.items())
        return own and metadata.get("namespace") == looker.namespace

    def _check(self, size: int) -> None:
        if self._bytes + size > self._max_bytes:
            problem = f"the release looks up more than {self._max_bytes // 1024**2} MiB"
            raise ApiError(_FORBIDDEN, "Forbidden", problem)

    def _count(self, size: int) -> None:
        self._check(size)
        self._bytes += size

    def _note_secrets(self, kind: ResourceType, found: Mapping[str, Any]) -> None:
        if (kind.api_version, kind.kind) != ("v1", "Secret"):
            return
        for value in (found.get("data") or {}).values():
            texts = {value}
            with suppress(TypeError, binascii.Error, UnicodeDecodeError):
                texts.add(base64.b64decode(value, validate=True).decode())
            self._secrets |= {text for text in texts if isinstance(text, str) and len(text) >= MIN_SECRET}

    def _refusal(self, error: ApiError) -> web.Response:
        """The API server's answer in its own words, so that the chart's error names what is missing."""
        if error.transient:
            self._failure = error
        else:
            self.refused = True
        status = error.status if error.status >= HTTPStatus.BAD_REQUEST else HTTPStatus.BAD_GATEWAY
        return _status(status, error.reason, error.message)


def _resource_list(api_version: str, types: Iterable[ResourceType]) -> dict[str, Any]:
    """Empty where nothing of the kind is served: for Helm that is an object that is not there."""
    resources = [
        {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind, "verbs": ["get"]}
        for kind in types
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def _status(status: int, reason: str, message: str) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": int(status),
    }
    return web.json_response(body, status=int(status))

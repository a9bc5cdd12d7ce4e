"""A vendor's releases and customers as its release service knows them, and what that answers to a question.

A stand-in for the service at a license's endpoint (https://replicated.app): what the operator asks of it, and no more.
``Vendor.answer`` is a function of the state and the request; ``release_server.py`` serves it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RELEASED_AT = "2026-11-26T08:00:00Z"


@dataclass(frozen=True, slots=True)
class Request:
    """A GET; ``target`` is path and query, header names are in lower case."""

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> list[str]:
        return urlsplit(self.target).path.strip("/").split("/")

    @property
    def query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    @property
    def kind(self) -> str:
        """``release``, ``pending``, ``license``, or empty."""
        match self.parts:
            case ["release", _, "pending"]:
                return "pending"
            case [("release" | "license") as kind, _]:
                return kind
            case _:
                return ""

    @property
    def user(self) -> tuple[str, str]:
        """User name and password of its Basic credential, empty without one."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        name, _, password = base64.b64decode(value).decode().partition(":")
        return name, password


@dataclass(frozen=True, slots=True)
class Response:
    """``length`` is what Content-Length says, where that is not true; no response at all is a connection that ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


# What becomes of an answer, None for a connection that is closed without one.
Fault = "Callable[[Request, Response], Response | None]"


@dataclass(frozen=True, slots=True)
class Published:
    """A release in its channel."""

    channel_sequence: int
    version_label: str
    archive: bytes = field(repr=False)
    is_required: bool = False
    notes: str = ""


@dataclass(slots=True)
class Customer:
    """``document`` is the license as it is issued now."""

    document: bytes
    sequence: int
    channel_id: str


@dataclass(slots=True)
class Vendor:
    """One application; its channels by id. ``faults`` are by the request's kind; ``requests`` are all that came."""

    slug: str = "my-kots-app"
    channel_name: str = "Stable"
    proxy_domain: str = ""
    registry_domain: str = ""
    channels: dict[str, list[Published]] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    faults: dict[str, Callable[[Request, Response], Response | None]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def publish(
        self, version_label: str, files: Mapping[str, str | bytes], channel_id: str = "", **fields: bool | str | int
    ) -> Published:
        """Release these files, by their paths, as the channel's newest."""
        releases = self.channels.setdefault(channel_id, [])
        sequence = int(fields.pop("channel_sequence", releases[-1].channel_sequence + 1 if releases else 1))
        made = replace(Published(sequence, version_label, archive(files)), **fields)  # type: ignore[arg-type]
        releases.append(made)
        return made

    def answer(self, request: Request) -> Response | None:
        """What comes back; None for a connection that is closed without an answer."""
        self.requests.append(request)
        response = self._answer(request)
        fault = self.faults.get(request.kind)
        return response if fault is None else fault(request, response)

    def asked(self, kind: str) -> list[Request]:
        """The requests of one kind so far."""
        return [request for request in self.requests if request.kind == kind]

    def _answer(self, request: Request) -> Response:
        name, password = request.user
        customer = self.customers.get(name)
        if customer is None or name != password:
            return Response(401, b'{"error": "unauthorized"}')
        if not request.kind or request.parts[1] != self.slug:
            return Response(404, b'{"error": "not found"}')
        if request.kind == "license":
            return Response(200, customer.document, {"Content-Type": "application/yaml"})
        if request.query.get("selectedChannelId", "") != customer.channel_id:
            return Response(403, b'{"error": "the license has no such channel"}')
        releases = self.channels.get(customer.channel_id, [])
        if request.kind == "pending":
            return _pending(releases, int(request.query.get("channelSequence") or 0))
        found = _wanted(releases, request.query)
        return Response(404, b'{"error": "no such release"}') if found is None else self._release(found, customer)

    def _release(self, found: Published, customer: Customer) -> Response:
        headers = {
            "Content-Type": "application/gzip",
            "X-Replicated-ChannelSequence": str(found.channel_sequence),
            "X-Replicated-ChannelID": customer.channel_id,
            "X-Replicated-ChannelName": self.channel_name,
            "X-Replicated-VersionLabel": found.version_label,
            "X-Replicated-IsRequired": "true" if found.is_required else "false",
            "X-Replicated-ReleasedAt": RELEASED_AT,
            "X-Replicated-ReplicatedProxyDomain": self.proxy_domain,
            "X-Replicated-ReplicatedRegistryDomain": self.registry_domain,
        }
        return Response(200, found.archive, {name: value for name, value in headers.items() if value})


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A gzipped tar of files by their paths; the same bytes for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def _wanted(releases: list[Published], query: Mapping[str, str]) -> Published | None:
    label, place = query.get("versionLabel"), query.get("channelSequence")
    if label:
        return next((one for one in reversed(releases) if one.version_label == label), None)
    if place:
        return next((one for one in releases if one.channel_sequence == int(place)), None)
    return releases[-1] if releases else None


def _pending(releases: list[Published], after: int) -> Response:
    newer = [
        {
            "channelSequence": one.channel_sequence,
            "releaseSequence": one.channel_sequence,
            "versionLabel": one.version_label,
            "isRequired": one.is_required,
            "createdAt": RELEASED_AT,
            "releaseNotes": one.notes,
        }
        for one in releases
        if one.channel_sequence > after
    ]
    return Response(200, json.dumps({"channelReleases": newer}).encode(), {"Content-Type": "application/json"})

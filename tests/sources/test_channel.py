"""Releases of a channel, fetched from a service that really listens; and what each of its faults comes to."""

import base64
import threading
from collections.abc import Callable

import pytest

from harness.licenses import LICENSE_ID, Signer
from kotsapp.fair_queue import NOBODY
from kotsapp.license import License, Policy, TrustedKeys, load
from kotsapp.registry.config import Registries
from kotsapp.sources import channel
from kotsapp.sources.artifact import Access, Artifact, Known, Seen
from kotsapp.sources.errors import SourceContentError, SourceError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.items import ChannelRelease
from kotsapp.sources.limits import MAX_ARCHIVE
from kotsapp.sources.web import Question, Web
from localworld.release_channel import Request, Response, Vendor
from localworld.release_server import HOST, ReleaseServer

FOLLOW = ChannelRelease()


async def look(license: License, web: Web, known: Artifact | None = None, item: ChannelRelease = FOLLOW) -> Seen:
    return await channel.look(item, Access(license, NOBODY), None if known is None else Known(known), web)


async def test_the_head_is_fetched_with_what_the_service_says_of_it(
    license: License, web: Web, service: Vendor
) -> None:
    service.proxy_domain = "images.vendor.example"
    seen = await look(license, web)

    facts = channel.ReleaseFacts.of(seen.artifact.facts)
    assert seen.artifact.content == service.channels["stable"][1].archive
    assert seen.artifact.revision == f"1.1.0@{seen.artifact.digest}"
    assert (facts.channel_sequence, facts.version_label, facts.is_required) == (2, "1.1.0", True)
    assert (facts.channel_name, facts.proxy_domain, facts.registry_domain) == ("Stable", "images.vendor.example", "")
    assert facts.release_notes == "new"


async def test_each_question_carries_what_the_protocol_asks_for(license: License, web: Web, service: Vendor) -> None:
    first = await look(license, web, item=ChannelRelease("1.0.0"))
    await look(license, web, first.artifact)

    release, after_first, pending, required = service.requests
    every = {"licenseSequence": "3", "selectedChannelId": "stable", "isSemverSupported": "true"}
    assert release.query == {**every, "channelSequence": "", "versionLabel": "1.0.0"}
    assert after_first.query == {**every, "channelSequence": "0"}  # the list has its notes, too
    assert pending.query == {**every, "channelSequence": "1"}
    assert required.query == {**every, "channelSequence": "2"}
    assert {request.user for request in service.requests} == {(LICENSE_ID, LICENSE_ID)}
    assert [request.kind for request in service.requests] == ["release", "pending", "pending", "release"]


async def test_what_is_known_is_not_fetched_again(license: License, web: Web, service: Vendor) -> None:
    known = (await look(license, web)).artifact
    service.requests.clear()

    seen = await look(license, web, known)

    assert seen.artifact is known
    assert [request.kind for request in service.requests] == ["pending"]


async def test_what_is_known_of_another_channel_is_left(
    license: License, web: Web, service: Vendor, signer: Signer, keys: TrustedKeys
) -> None:
    known = (await look(license, web)).artifact
    service.publish("9.0.0", {"app.yaml": "a: b"}, "beta", channel_sequence=1)
    service.customers[LICENSE_ID].channel_id = "beta"
    moved = load(signer.sign(channelID="beta"), keys)

    seen = await look(moved, web, known)

    assert channel.ReleaseFacts.of(seen.artifact.facts).version_label == "9.0.0"


async def test_releases_are_counted(license: License, web: Web, service: Vendor) -> None:
    first = (await look(license, web)).artifact
    service.publish("1.2.0", {"app.yaml": "a: b"}, "stable")
    second = (await look(license, web, first)).artifact

    assert [channel.ReleaseFacts.of(one.facts).sequence for one in (first, second)] == [0, 1]


async def test_content_that_was_lost_is_fetched_once_more(license: License, web: Web, service: Vendor) -> None:
    first = (await look(license, web, item=ChannelRelease("1.0.0"))).artifact
    lost = Artifact(first.revision, first.digest, b"", first.file_name, first.facts)

    assert (await look(license, web, lost, ChannelRelease("1.0.0"))).artifact == first


def status(code: int, **headers: str) -> Callable[[Request, Response], Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _response: Response(code, b"no", named)


def changed(**headers: str) -> Callable[[Request, Response], Response]:
    named = {f"X-Replicated-{name}": value for name, value in headers.items()}
    return lambda _request, response: Response(200, response.body, {**response.headers, **named})


def redirected(to: str) -> Callable[[Request, Response], Response]:
    return lambda _request, _response: Response(302, b"", {"Location": to})


REFUSED, UNREACHABLE, CONTENT = SourceRefusedError, SourceUnreachableError, SourceContentError


@pytest.mark.parametrize(
    ("fault", "kind", "reported"),
    [
        (status(400), REFUSED, "answered 400"),
        (status(401), REFUSED, "answered 401 for the release: it does not know the license; ask the vendor"),
        (status(403), REFUSED, "answered 403 for the release: the license may not have it"),
        (
            status(404),
            REFUSED,
            "answered 404 for the release: application my-kots-app does not have it in channel",
        ),
        (status(429, Retry_After="77"), UNREACHABLE, "answered 429"),
        (status(500), UNREACHABLE, "answered 500"),
        (status(503), UNREACHABLE, "answered 503"),
        (status(203), REFUSED, "answered 203"),
        (lambda *_: None, UNREACHABLE, "closed the connection without an answer"),
        (lambda _, r: Response(200, r.body[:50], r.headers, len(r.body)), UNREACHABLE, "broke off its answer"),
        (lambda _, r: Response(200, b"", r.headers), CONTENT, "an empty archive"),
        (lambda _, r: Response(200, r.body), CONTENT, "without header X-Replicated-ChannelSequence"),
        (changed(ChannelSequence="two"), CONTENT, "without header X-Replicated-ChannelSequence"),
        (changed(ReplicatedProxyDomain="https://x/"), CONTENT, "is not a host"),
        (lambda _, r: Response(200, bytes(MAX_ARCHIVE + 1), r.headers), CONTENT, "more than 16 MiB"),
        (redirected("http://elsewhere.invalid/x"), REFUSED, "is not asked over plain http"),
        (redirected("https://127.0.0.1/x"), REFUSED, "a loopback address"),
        (redirected("https://169.254.169.254/x"), REFUSED, "link-local"),
        (redirected("https://metadata.google.internal/x"), REFUSED, "not a registry"),
        (redirected(f"https://elsewhere.invalid/{LICENSE_ID}"), REFUSED, "its URL holds the license id"),
        (redirected("/release/my-kots-app"), REFUSED, "redirected more than 3 times"),
        (redirected(""), REFUSED, "without saying where to go"),
    ],
)
async def test_what_a_fault_comes_to(
    fault: Callable[[Request, Response], Response | None],
    kind: type[SourceError],
    reported: str,
    license: License,
    web: Web,
    service: Vendor,
) -> None:
    service.faults["release"] = fault

    with pytest.raises(SourceError) as caught:
        await look(license, web)

    assert type(caught.value) is kind
    assert reported in str(caught.value)
    assert LICENSE_ID not in str(caught.value)


async def test_a_server_is_left_alone_as_long_as_it_asks(license: License, web: Web, service: Vendor) -> None:
    service.faults["release"] = status(429, Retry_After="77")

    with pytest.raises(SourceUnreachableError) as caught:
        await look(license, web)

    assert caught.value.retry_after == 77


async def test_another_release_than_the_one_that_was_asked_for_is_not_taken(
    license: License, web: Web, service: Vendor
) -> None:
    known = (await look(license, web, item=ChannelRelease("1.0.0"))).artifact
    service.faults["release"] = changed(ChannelSequence="1")

    with pytest.raises(SourceContentError, match="was asked for release 2 of the channel and sent 1"):
        await look(license, web, known)
    service.faults["release"] = changed(VersionLabel="6.6.6")
    with pytest.raises(SourceContentError, match=r"was asked for version 1\.0\.0 and sent '6\.6\.6'"):
        await look(license, web, item=ChannelRelease("1.0.0"))


async def test_nobody_listens(license: License, web: Web, server: ReleaseServer) -> None:
    server.stop()

    with pytest.raises(SourceUnreachableError, match="can't be reached"):
        await look(license, web)


async def test_a_server_that_is_silent_is_waited_for_no_longer_than_said(web: Web, service: Vendor) -> None:
    over = threading.Event()

    def stall(request: Request, response: Response) -> None:
        over.wait()

    service.faults["license"] = stall
    try:
        with pytest.raises(SourceUnreachableError, match=r"did not answer within 0\.3 s"):
            await web.get(Question(f"https://{HOST}/license/my-kots-app", seconds=0.3))
    finally:
        over.set()


# -- where the license goes


async def test_a_redirect_to_another_host_is_followed_without_the_license(
    license: License, server: ReleaseServer, service: Vendor
) -> None:
    store = ReleaseServer()
    store.start()
    elsewhere = store.vendor("my-kots-app")
    elsewhere.faults["release"] = lambda _, __: service._release(
        service.channels["stable"][0], service.customers[LICENSE_ID]
    )
    service.faults["release"] = redirected("https://store.invalid/release/my-kots-app")
    entries = [{"host": HOST, "endpoint": server.endpoint}, {"host": "store.invalid", "endpoint": store.endpoint}]
    try:
        async with Web(Registries.read({"registries": entries}, "test")) as web:
            seen = await look(license, web)
    finally:
        store.stop()

    assert seen.artifact.content == service.channels["stable"][0].archive
    assert [request.user for request in elsewhere.requests] == [("", "")]
    reported = [value for request in elsewhere.requests for value in (request.target, *request.headers.values())]
    encoded = base64.b64encode(f"{LICENSE_ID}:{LICENSE_ID}".encode()).decode()
    assert not [value for value in reported if LICENSE_ID in value or encoded in value]


@pytest.mark.parametrize(
    ("endpoint", "reported"),
    [
        ("http://replicated.app.invalid", "is not asked over plain http"),
        ("https://127.0.0.1:8443", "a loopback address"),
        ("https://[::1]", "a loopback address"),
        ("https://169.254.169.254", "link-local"),
        ("https://2130706433", "an IP address in another form"),
        ("https://user:word@vendor.invalid", "comes with a user name"),
        ("https://vendor.invalid?x=", "not a plain URL"),
        ("https://vendor.invalid#x", "not a plain URL"),
        ("ftp://vendor.invalid", "not an http or https URL"),
        ("vendor.invalid", "not an http or https URL"),
    ],
)
async def test_an_endpoint_that_must_not_be_asked(
    endpoint: str, reported: str, signer: Signer, keys: TrustedKeys, web: Web
) -> None:
    license = load(signer.sign(endpoint=endpoint), keys)

    with pytest.raises(SourceRefusedError, match=reported):
        await look(license, web)


async def test_private_networks_can_be_denied(signer: Signer, keys: TrustedKeys) -> None:
    license = load(signer.sign(endpoint="https://10.1.2.3"), keys)

    async with Web(allow_private=False) as web:
        with pytest.raises(SourceRefusedError, match="private networks are denied"):
            await look(license, web)


async def test_the_endpoint_is_the_signed_one(signer: Signer, keys: TrustedKeys, web: Web, service: Vendor) -> None:
    """Whoever writes the document around the signature does not say where the license goes."""
    document = signer.sign(channelID="stable").replace(b"spec:\n", b"spec:\n  endpoint: https://evil.invalid\n", 1)
    assert b"evil" in document

    await look(load(document, keys), web)

    assert service.asked("release")


async def test_a_license_that_nobody_signed_fetches_nothing(signer: Signer, keys: TrustedKeys, web: Web) -> None:
    unsigned = signer.sign(channelID="stable").split(b"  signature:")[0]
    license = load(unsigned, keys, Policy.WARN)

    with pytest.raises(SourceRefusedError, match="without a signature that can be trusted"):
        await look(license, web)


async def test_each_request_is_counted_by_what_it_asks(
    license: License, server: ReleaseServer, service: Vendor
) -> None:
    counted: list[tuple[str, str, int | None]] = []
    entries = [{"host": HOST, "endpoint": server.endpoint}]
    registries = Registries.read({"registries": entries}, "test")
    observe = lambda host, kind, answer: counted.append((host, kind, answer and answer.status))  # noqa: E731
    async with Web(registries, observe=observe) as web:
        await look(license, web)
        service.faults["release"] = lambda *_: None
        with pytest.raises(SourceUnreachableError):
            await look(license, web)

    assert counted == [(HOST, "release", 200), (HOST, "release_pending", 200), (HOST, "release", None)]

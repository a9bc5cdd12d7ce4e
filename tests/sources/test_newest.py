"""The newest form of the license, from a service that really listens."""

import pytest

from harness.licenses import LICENSE_ID, Signer
from kotsapp.license import License, TrustedKeys, load
from kotsapp.license.signature import SAFE_VERSIONS
from kotsapp.sources import newest
from kotsapp.sources.errors import SourceContentError
from kotsapp.sources.newest import Trust
from kotsapp.sources.web import Web
from localworld.release_channel import Vendor


async def test_it_is_asked_for_as_the_protocol_says(
    license: License, keys: TrustedKeys, web: Web, service: Vendor
) -> None:
    found = await newest.look(license, Trust(keys), web)

    (request,) = service.requests
    assert request.query == {"licenseSequence": "3", "selectedChannelId": "stable"}
    assert request.user == (LICENSE_ID, LICENSE_ID)
    assert request.headers["x-replicated-license-version"] == "v1beta2"
    assert newest.read(found.content, license, Trust(keys)).license_sequence == 3


async def test_an_older_version_of_the_document_is_asked_for_without_the_header(
    signer: Signer, keys: TrustedKeys, web: Web, service: Vendor
) -> None:
    old = signer.sign(version="v1beta1", channelID="stable")
    service.customers[LICENSE_ID].document = old

    await newest.look(load(old, keys), Trust(keys), web)

    assert "x-replicated-license-version" not in service.requests[0].headers


@pytest.mark.parametrize(
    ("document", "reported"),
    [
        (lambda _: b"", "LicenseInvalid"),
        (lambda _: b"<html>", "LicenseInvalid"),
        (lambda s: s.sign(channelID="stable").split(b"  signature:")[0], "LicenseUnsigned"),
        (lambda s: s.sign(licenseID="another"), "another one"),
        (lambda s: s.sign(appSlug="another"), "another one"),
        (lambda _: b"x" * 2_000_000, "more than 1 MiB"),
    ],
)
async def test_a_document_that_is_not_this_license_is_refused(
    document: object, reported: str, license: License, keys: TrustedKeys, web: Web, service: Vendor, signer: Signer
) -> None:
    assert callable(document)
    service.customers[LICENSE_ID].document = document(signer)

    with pytest.raises(SourceContentError, match=reported) as caught:
        await newest.look(license, Trust(keys), web)
    assert LICENSE_ID not in str(caught.value)


async def test_a_version_that_is_not_taken_here_is_not_taken_from_there(
    license: License, keys: TrustedKeys, web: Web, service: Vendor, signer: Signer
) -> None:
    service.customers[LICENSE_ID].document = signer.sign(version="v1beta1", licenseSequence=99)

    with pytest.raises(SourceContentError, match="v1beta1"):
        await newest.look(license, Trust(keys, SAFE_VERSIONS), web)

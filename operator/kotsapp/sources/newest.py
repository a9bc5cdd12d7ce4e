"""The newest form of the license, as the vendor's release service has it (DESIGN 6.1).

It is verified like any other, and used when its sequence is higher: an extended license, or another entitlement, then
needs nobody to put a file somewhere. The customer's Secret is never written.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from kotsapp.license import VERSIONS, License, LicenseError, TrustedKeys, load
from kotsapp.sources.artifact import Artifact, digest_of
from kotsapp.sources.errors import SourceContentError
from kotsapp.sources.service import Service
from kotsapp.sources.web import Web

SLOT = "license"
FILE_NAME = "license.yaml"
_V1BETA2 = "kots.io/v1beta2"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, and of which versions of the document."""

    keys: TrustedKeys
    versions: Collection[str] = VERSIONS


async def look(license: License, trust: Trust, web: Web) -> Artifact:
    """The license document as the service has it now, verified. Raises SourceError."""
    service = Service.of(license)
    headers = {"X-Replicated-License-Version": "v1beta2"} if license.version == _V1BETA2 else {}
    answer = await service.ask(service.question("license/{}", {}, headers=headers), web, "the license")
    found = await asyncio.to_thread(read, answer.body, license, trust)
    digest = digest_of(answer.body)
    facts = {"licenseSequence": str(found.license_sequence)}
    return Artifact(f"{found.license_sequence}@{digest}", digest, answer.body, FILE_NAME, facts)


def read(document: bytes, license: License, trust: Trust) -> License:
    """The license in the document, a newer or older form of ``license``. Raises SourceContentError for another one, or
    one whose signature can't be trusted, whatever the administrator lets pass in Secrets. Not for an event loop."""
    try:
        found = load(document, trust.keys, versions=trust.versions)
    except LicenseError as error:
        raise SourceContentError(f"the newest license can't be used: {error.reason}: {error.message}") from None
    if (found.app_slug, found.license_id) != (license.app_slug, license.license_id):
        raise SourceContentError(
            "the newest license is another one: of another application, or with another license id"
        )
    return found

"""``kotsapp pull``: the vendor's release, fetched with the license, for pipelines."""

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path

import yaml

from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.inputs import read_license, refuse_expired
from kotsapp.cli.output import print_result, table, write_files
from kotsapp.cli.progress import Transfer
from kotsapp.fair_queue import NOBODY
from kotsapp.license import License, TrustedKeys
from kotsapp.manifests.errors import ManifestError
from kotsapp.redact import current
from kotsapp.registry.config import Registries, RegistriesError
from kotsapp.release import archives, installation
from kotsapp.sources import channel, newest
from kotsapp.sources.artifact import Access, Artifact
from kotsapp.sources.channel import ReleaseFacts
from kotsapp.sources.errors import SourceError
from kotsapp.sources.items import ChannelRelease
from kotsapp.sources.newest import Trust
from kotsapp.sources.web import Web


@dataclass(frozen=True, slots=True)
class _Pulled:
    license: License
    release: Artifact


def run(args: argparse.Namespace) -> int:
    """Fetch the release, or what a URL names, and write its archive beside the document that says which it is."""
    license = read_license(args.license, args.trusted_keys, even_expired=True)
    try:
        registries = Registries.load(args.registries) if args.registries else Registries.empty()
    except RegistriesError as error:
        raise CommandError(str(error)) from None
    if args.url is not None:
        from kotsapp.cli import pull_oci

        return pull_oci.run(args, license, registries)
    trust = Trust(TrustedKeys.load(args.trusted_keys))
    try:
        pulled = asyncio.run(_pull(args, license, trust, registries))
        facts = ReleaseFacts.of(pulled.release.facts)
        archives.unpack((pulled.release.content,), f"release {facts}")
    except (SourceError, ManifestError) as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None
    if pulled.license.license_sequence > license.license_sequence:
        _note(
            f"{args.license}: the vendor has a newer one, of sequence {pulled.license.license_sequence}, which was used"
        )
    written = write_files(args.to, _files(pulled.license.app_slug, facts, pulled.release))
    data = {
        "versionLabel": facts.version_label,
        "channelSequence": facts.channel_sequence,
        "channelName": facts.channel_name,
        "isRequired": facts.is_required,
        "digest": pulled.release.digest,
        "files": [str(path) for path in written],
    }
    print_result(data, args.output, lambda: _table(facts, written))
    return EXIT_OK


async def _pull(args: argparse.Namespace, license: License, trust: Trust, registries: Registries) -> _Pulled:
    """With the license's newest form, if that can be had: a renewed one opens what the file no longer does."""
    with Transfer("fetching") as transfer:
        async with Web(registries, allow_private=not args.deny_private_networks, received=transfer.received) as web:
            try:
                document = (await newest.look(license, trust, web)).content
                found = newest.read(document, license, trust)
            except SourceError as error:
                _note(f"the newest license could not be looked at: {error}")
                found = license
            if found.license_sequence > license.license_sequence:
                license = found
                current().learn("newest license", license.secrets())
            refuse_expired(license, args.license)
            seen = await channel.look(ChannelRelease(args.version), Access(license, NOBODY), None, web)
    return _Pulled(license, seen.artifact)


def _files(app_slug: str, facts: ReleaseFacts, release: Artifact) -> dict[str, bytes]:
    """By name: the archive, and the document that says which release it is."""
    document = installation.document(facts.version(), app_slug)
    return {
        channel.FILE_NAME: release.content,
        installation.FILE_NAME: yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode(),
    }


def _table(facts: ReleaseFacts, written: list[Path]) -> str:
    row = (facts.version_label or "-", facts.channel_sequence, facts.channel_name or "-", ", ".join(map(str, written)))
    return table(("VERSION", "SEQUENCE", "CHANNEL", "FILES"), [row])


def _note(text: str) -> None:
    report(f"kotsapp: {text}")

"""``kotsapp pull`` of a chart or an artifact in an OCI registry: the one that a KotsApp with this ociRef would use."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.inputs import refuse_expired
from kotsapp.cli.output import print_result, table, write_files
from kotsapp.cli.progress import Transfer
from kotsapp.fair_queue import NOBODY
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.registry.config import Registries
from kotsapp.release import archives, charts
from kotsapp.release.charts import ChartArchive
from kotsapp.sources import oci, oci_manifest, oci_ref, semver
from kotsapp.sources.artifact import Access, Artifact
from kotsapp.sources.errors import SourceError
from kotsapp.sources.license_registries import opened_by
from kotsapp.sources.oci_ref import InvalidOciRefError, OciRef
from kotsapp.sources.web import Web

NEWEST = "*"
_SHOWN_DIGITS = 12


def run(args: argparse.Namespace, license: License, registries: Registries) -> int:
    """Raises CommandError."""
    item = _item(args.url, args.version or NEWEST)
    refuse_expired(license, args.license)
    try:
        artifact = asyncio.run(_fetch(args, item, license, registries))
        members = archives.unpack((artifact.content,), item.place)
        chart = charts.read_archive(members, artifact.content, item.place)
    except (SourceError, ManifestError) as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None
    written = write_files(args.to, _files(item, artifact, chart))
    data = {"revision": artifact.revision, "digest": artifact.digest, "files": [str(path) for path in written]}
    print_result(data, args.output, lambda: _table(artifact, written))
    return EXIT_OK


def _item(url: str, version: str) -> OciRef:
    """``version`` is a digest, a version or a range, else a tag."""
    try:
        if oci_manifest.is_digest(version):
            return oci_ref.read(url, digest=version)
        if semver.parse(version) is not None or _is_range(version):
            return oci_ref.read(url, version=version)
        return oci_ref.read(url, tag=version)
    except InvalidOciRefError as error:
        raise CommandError(str(error)) from None


def _is_range(text: str) -> bool:
    try:
        semver.Range.parse(text)
    except semver.InvalidRangeError:
        return False
    return True


async def _fetch(args: argparse.Namespace, item: OciRef, license: License, registries: Registries) -> Artifact:
    with Transfer("fetching") as transfer:
        async with Web(registries, allow_private=not args.deny_private_networks, received=transfer.received) as web:
            return (await oci.look(item, Access(license, NOBODY, opened_by(license)), None, web)).artifact


def _files(item: OciRef, artifact: Artifact, chart: ChartArchive | None) -> Mapping[str, bytes]:
    """By name; what the chart calls itself is in none, since it may lead anywhere.

    Beside a chart is the HelmChart document that asks for it, so that ``render`` and ``lint`` take the folder.
    """
    name = item.repository.rpartition("/")[2]
    tag = artifact.facts[oci.TAG] or artifact.facts[oci.MANIFEST].partition(":")[2][:_SHOWN_DIGITS]
    files = {f"{name}-{tag}.tgz": artifact.content}
    if chart is not None:
        document: dict[str, Any] = {
            "apiVersion": "kots.io/v1beta2",
            "kind": "HelmChart",
            "metadata": {"name": name},
            "spec": {"chart": {"name": chart.name, "chartVersion": chart.version}, "values": {}},
        }
        files[f"{name}-helmchart.yaml"] = yaml.safe_dump(document, sort_keys=False).encode()
    return files


def _table(artifact: Artifact, written: list[Path]) -> str:
    return table(("REVISION", "FILES"), [(artifact.revision, ", ".join(map(str, written)))])

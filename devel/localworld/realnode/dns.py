"""The names of Services, as files for dnsmasq: `python -m localworld.realnode.dns SETTINGS`, until it is ended."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localworld.node.api import NodeApi
from localworld.realnode.settings import CLUSTER_DOMAIN, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localworld.node.api import Object

_SERVICES = "/api/v1/services"
_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
_OF_SERVICE = "kubernetes.io/service-name"
_HEADLESS = "None"


def service_records(service: Object) -> list[tuple[str, str]]:
    """(address, name) of a Service with addresses of its own."""
    name = _domain(service["metadata"]["namespace"], service["metadata"]["name"])
    addresses = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP")]
    return [(address, name) for address in addresses if address and address != _HEADLESS]


def slice_records(slice_: Object) -> list[tuple[str, str]]:
    """(address, name) of the pods behind a headless Service, and of those that have a name there; none for others."""
    metadata = slice_["metadata"]
    # The endpoint controllers say so of a headless Service's slices.
    if "service.kubernetes.io/headless" not in metadata.get("labels", {}):
        return []
    name = _domain(metadata["namespace"], metadata["labels"][_OF_SERVICE])
    records = []
    for endpoint in slice_.get("endpoints") or []:
        if endpoint.get("conditions", {}).get("ready") is False:
            continue
        for address in endpoint["addresses"]:
            records.append((address, name))
            if hostname := endpoint.get("hostname"):
                records.append((address, f"{hostname}.{name}"))
    return records


def _domain(namespace: str, service: str) -> str:
    return f"{service}.{namespace}.svc.{CLUSTER_DOMAIN}"


async def follow(api: NodeApi, path: str, folder: Path, records: Callable[[Object], Iterable[tuple[str, str]]]) -> None:
    """Keep one file per object in the folder; dnsmasq sees each change by itself."""
    kind = path.rpartition("/")[2]
    seen: set[str] = set()
    async for event in api.changes(path, ""):
        if event.kind == "LIST":
            seen = set()
        elif event.kind == "SYNC":
            _forget_others(folder, kind, seen)
        else:
            name = _file_name(kind, event.object["metadata"])
            seen.add(name)
            _write(folder / name, [] if event.kind == "DELETED" else list(records(event.object)))


def _forget_others(folder: Path, kind: str, seen: set[str]) -> None:
    for file in list(folder.glob(f"{kind}_*")):
        if file.name not in seen:
            file.unlink()


def _file_name(kind: str, metadata: dict[str, Any]) -> str:
    return f"{kind}_{metadata['namespace']}_{metadata['name']}"


def _write(file: Path, records: list[tuple[str, str]]) -> None:
    text = "".join(f"{address} {name}\n" for address, name in records)
    if text:
        file.write_text(text)
    else:
        file.unlink(missing_ok=True)


async def _main(settings: Settings) -> None:
    api = NodeApi(settings.server, settings.ca, settings.proxy_cert, settings.proxy_key)
    folder = settings.at("dns")
    await asyncio.gather(
        follow(api, _SERVICES, folder, service_records),
        follow(api, _SLICES, folder, slice_records),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_main(Settings.read(sys.argv[1])))

"""KotsApps that follow a vendor's channel, with an operator's own workers on a fake cluster."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import yaml

from harness.cluster import NAMESPACE, config_map
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.vendors import VendorWeb
from localworld.release_channel import Vendor


def publish(vendor: Vendor, version: str, **fields: Any) -> None:
    """A release that is one ConfigMap, which says its version."""
    vendor.publish(version, {"app.yaml": yaml.safe_dump(release_object(version))}, **fields)


def release_object(version: str) -> dict[str, Any]:
    made = config_map("shop", version=version)
    del made["metadata"]["namespace"]
    return made


def follow(operator: Operator, **spec: Any) -> None:
    operator.put_app(**{"manifests": [{"channelRelease": {}}], **spec})


@contextlib.asynccontextmanager
async def rolled_out(signer: Signer, web: VendorWeb, **spec: Any) -> AsyncIterator[Operator]:
    """An operator with an app that follows the vendor's channel and is Ready."""
    async with operating(signer, web=web) as operator:
        follow(operator, **spec)
        await operator.until_ready()
        yield operator


def running(operator: Operator) -> str:
    found = operator.api.get("ConfigMap", "shop", NAMESPACE) or {"data": {}}
    return str(found["data"].get("version"))

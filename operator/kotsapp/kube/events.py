"""Kubernetes Events: what `kubectl describe` shows under the object."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError

logger = logging.getLogger(__name__)

# The API's own bound for an Event's note.
MAX_MESSAGE = 1024
COMPONENT = "kotsapp-operator"


async def post(
    client: KubeClient, regarding: Mapping[str, str], reason: str, message: str, *, warning: bool = False
) -> None:
    """Record an event about ``regarding`` (apiVersion, kind, name, namespace, uid). A failure is logged only."""
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            # Names grow with time: kubectl shows events of the same second in the order of their names.
            "name": f"{regarding['name'][:200]}.{time.time_ns():x}",
            "namespace": regarding["namespace"],
        },
        "involvedObject": dict(regarding),
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 3] + "...",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "count": 1,
    }
    try:
        await client.create(event)
    except ApiError as error:
        logger.warning("no event %s could be recorded for %s: %s", reason, regarding["name"], error)

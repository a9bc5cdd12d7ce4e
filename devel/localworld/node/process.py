"""Starting the node stand-in as a process of its own, with the identities that a node and a scheduler have."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import httpx

from localworld import kubeconfig
from localworld.process import Child

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.api import Api
    from localworld.controlplane import ApiServer

NODE_NAME = "local-node"
_READY_SECONDS = 60.0


class NodeProcess(Child):
    """The node stand-in: `system:node:local-node` for what a kubelet does, `system:kube-scheduler` for binding."""

    def __init__(self, folder: Path, skopeo: Path, server: ApiServer, *, pulls: bool) -> None:
        authority = server.authority
        node = authority.client(f"system:node:{NODE_NAME}", ("system:nodes",))
        scheduler = authority.client("system:kube-scheduler")
        for name, pair in (("node", node), ("scheduler", scheduler)):
            kubeconfig.write_for_certificate(
                folder / f"{name}.kubeconfig", server=server.url, ca=authority.pair.cert, pair=pair
            )
        config = {
            "name": NODE_NAME,
            "server": server.url,
            "ca": str(authority.pair.cert),
            "node": {"cert": str(node.cert), "key": str(node.key)},
            "scheduler": {"cert": str(scheduler.cert), "key": str(scheduler.key)},
            "registries": str(folder / "registries.yaml"),
            "skopeo": str(skopeo),
            "pulls": pulls,
        }
        path = folder / "node.json"
        path.write_text(json.dumps(config, indent=1))
        super().__init__(
            "node stand-in",
            [sys.executable, "-m", "localworld.node", path],
            log=folder / "logs" / "node.log",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def wait_ready(self, api: Api) -> None:
        """Wait until the Node object is Ready and takes pods."""
        self.wait_until(lambda: node_is_ready(api), seconds=_READY_SECONDS)


def node_is_ready(api: Api) -> bool:
    """Whether the world's node is Ready and takes pods."""
    try:
        found = api.get(f"/api/v1/nodes/{NODE_NAME}")
    except (RuntimeError, httpx.TransportError):
        return False
    conditions = found.get("status", {}).get("conditions", [])
    tainted = bool(found["spec"].get("taints"))
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) and not tainted

"""NodeCount: what is rendered with it, by what the operator may know."""

import pytest

from harness.cluster import NAMESPACE, obj
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until

pytestmark = pytest.mark.usefixtures("helm_on_path")

RELEASE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: told}
data: {nodes: '{{repl NodeCount }}', version: "VERSION"}
"""


def put(operator: Operator, version: str) -> None:
    operator.put_app(manifests=[{"inline": RELEASE.replace("VERSION", version)}])


def reported(operator: Operator) -> dict[str, str]:
    return dict((operator.api.get("ConfigMap", "told", NAMESPACE) or {"data": {}})["data"])


def warnings(operator: Operator) -> list[str]:
    events = operator.api.all("Event", NAMESPACE)
    return [event["message"] for event in events if event["reason"] == "ReleaseWarning"]


@in_virtual_time
async def test_nodes_are_counted_when_the_release_is_rendered_and_not_because_one_comes(signer: Signer) -> None:
    async with operating(signer) as operator:
        for name in ("one", "two"):
            operator.api.put(obj("Node", name, namespace=""))
        put(operator, "1")
        await operator.until_ready()
        assert reported(operator) == {"nodes": "2", "version": "1"}
        assert warnings(operator) == []

        operator.api.put(obj("Node", "three", namespace=""))
        await quiet(1800)
        assert reported(operator)["nodes"] == "2", "rendered once a release"
        put(operator, "2")
        await until(lambda: reported(operator) == {"nodes": "3", "version": "2"})


@in_virtual_time
async def test_without_the_right_it_is_0_and_told(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.put(obj("Node", "one", namespace=""))
        operator.api.rights.deny(resource="nodes")
        put(operator, "1")
        await operator.until_ready()
        assert reported(operator)["nodes"] == "0"
        (warning,) = warnings(operator)
        assert "NodeCount, which is 0 here" in warning
        assert "docs/rights.md" in warning


@in_virtual_time
async def test_who_does_not_ask_has_no_node_looked_at(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(manifests=[{"inline": RELEASE.replace("NodeCount", "Namespace")}])
        await operator.until_ready()
        assert not [request for request in operator.api.requests() if "Node" in request]

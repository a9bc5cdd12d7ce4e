"""Suspended apps, by the operator's own workers on a fake cluster."""

from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, deployment
from harness.inprocess import PUBLIC, Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.names import KIND

PULL_SECRET = "my-kots-app-registry"


@in_virtual_time
async def test_a_suspended_app_is_left_alone_until_it_goes_on(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_app(config_map(a="2"), suspend=True)
        await quiet(60)
        assert operator.data() == {"a": "1"}

        operator.put_app(config_map(a="2"), suspend=False)
        await until(lambda: operator.data() == {"a": "2"})


def conditions(operator: Operator) -> dict[str, Any]:
    return {condition["type"]: condition for condition in operator.status().get("conditions") or ()}


@in_virtual_time
async def test_a_suspended_app_says_so_and_holds_nobody_up(signer: Signer) -> None:
    """By kstatus it is as it was, for this generation; for ``kubectl wait`` Ready is about the earlier one."""
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_app(config_map(a="2"), suspend=True)
        await until(lambda: "Suspended" in conditions(operator))

        reported = conditions(operator)
        generation = operator.api.live(KIND, "my-app", NAMESPACE)["metadata"]["generation"]
        assert (reported["Suspended"]["status"], reported["Suspended"]["reason"]) == ("True", "Suspended")
        assert "spec.suspend is true" in reported["Suspended"]["message"]
        assert operator.status()["observedGeneration"] == reported["Suspended"]["observedGeneration"] == generation
        assert (reported["Ready"]["status"], reported["Ready"]["observedGeneration"]) == ("True", generation - 1)
        assert not reported.keys() & {"Reconciling", "Stalled"}

        operator.put_app(config_map(a="2"), suspend=False)
        await operator.until_ready()

        assert "Suspended" not in conditions(operator)
        await quiet(5)
        assert [reason for reason in operator.events() if reason in ("Suspended", "Resumed")] == [
            "Suspended",
            "Resumed",
        ]


@pytest.mark.parametrize("earlier", ["new", "working", "refused"])
@in_virtual_time
async def test_an_app_that_is_suspended_before_it_is_ready_is_worked_on_by_nobody(signer: Signer, earlier: str) -> None:
    """Who waits for it is told at once that a person must act, and why it was not Ready."""
    async with operating(signer) as operator:
        brought = {"refused": {"kind": "ConfigMap", "metadata": {"name": "x"}}}.get(earlier, deployment(image=PUBLIC))
        if earlier != "new":
            operator.put_app(brought)
            await operator.until_reason({"working": "Progressing"}.get(earlier, "InvalidManifest"))
        operator.put_app(brought, suspend=True)
        await until(lambda: "Suspended" in conditions(operator))
        await quiet(60)

        reported = conditions(operator)
        assert "Reconciling" not in reported
        assert (reported["Ready"]["status"], reported["Ready"]["reason"]) == ("False", reported["Stalled"]["reason"])
        assert reported["Stalled"]["status"] == "True"
        expected = {"new": "for the first time", "working": "suspended while Progressing: "}
        assert expected.get(earlier, "apiVersion") in reported["Ready"]["message"]
        assert operator.events().count("Suspended") == 1


@in_virtual_time
async def test_a_retry_and_a_deletion_are_told_once(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        annotations = {"kotsapp.dev/requestedAt": "today"}
        operator.api.change(KIND, "my-app", {"metadata": {"annotations": annotations}}, NAMESPACE)
        await until(lambda: operator.status().get("lastHandledRequestedAt") == "today")
        await quiet(60)
        operator.api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)

        events = {event["reason"]: event["message"] for event in operator.api.all("Event", NAMESPACE)}
        assert operator.events().count("ProbeRequested") == operator.events().count("Deleting") == 1
        assert "kotsapp.dev/requestedAt=today" in events["ProbeRequested"]
        assert "1 object" in events["Deleting"]

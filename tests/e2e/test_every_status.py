"""What kstatus, compiled from its Go module, makes of every KotsApp that a session wrote, is looked at when it ends.

Here is shown that it is looked at, and how much of it.
"""

from harness.apps import PUBLIC, Tenant, deployment
from harness.kstatus import Kstatus, apps_seen, disagreements_of_a_session
from harness.waiting import until
from harness.witness import Witness


def test_every_state_of_an_app_is_seen_and_read_by_kstatus(witness: Witness, tenant: Tenant, kstatus: Kstatus) -> None:
    tenant.put_app("app", [deployment("web", PUBLIC)])
    tenant.wait_ready("app")
    tenant.put_app("app", "kind: [")
    tenant.wait_reason("app", "InvalidManifest")
    version = tenant.app("app")["metadata"]["resourceVersion"]
    until(
        lambda: any(obj["metadata"]["resourceVersion"] == version for obj in apps_seen(witness)),
        "the witness has caught up",
    )
    mine = [obj for obj in apps_seen(witness) if obj["metadata"]["namespace"] == tenant.namespace]

    assert {computed.status for computed in kstatus.of(mine)} == {"Current", "InProgress", "Failed"}
    assert disagreements_of_a_session(witness) == []

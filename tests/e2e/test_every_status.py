"""What kstatus, compiled from its Go module, makes of every KotsApp that the whole session ever wrote.

It runs last. Alone, it looks at one app's life, and so it fails where nothing was seen.
"""

import json
from collections.abc import Iterator

from harness.apps import PUBLIC, Object, Tenant, deployment
from harness.kstatus import Kstatus
from harness.waiting import until
from harness.witness import Witness


def seen(witness: Witness) -> Iterator[Object]:
    """Every state of a KotsApp; a line may be cut where the API server was restarted under the watch."""
    for line in witness.lines("kotsapps"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
            yield event["object"]


def test_kstatus_agrees_with_every_status_that_was_ever_written(
    witness: Witness, tenant: Tenant, kstatus: Kstatus
) -> None:
    tenant.put_app("last", [deployment("web", PUBLIC)])
    tenant.wait_ready("last")
    tenant.put_app("last", "kind: [")
    tenant.wait_reason("last", "InvalidManifest")
    version = tenant.app("last")["metadata"]["resourceVersion"]
    until(
        lambda: any(obj["metadata"]["resourceVersion"] == version for obj in seen(witness)), "the witness has caught up"
    )
    every = list(seen(witness))

    assert {"Current", "InProgress", "Failed"} <= {computed.status for computed in kstatus.of(every)}
    assert kstatus.disagreements(every) == []

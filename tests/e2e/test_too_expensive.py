"""Sources whose reader dies are given up, others go on, and a restart does not begin with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.apps import PUBLIC, Tenant, config_map, deployment
from harness.packing import pack
from harness.waiting import until

if TYPE_CHECKING:
    from harness.licenses import Signer
    from harness.running import Operator
    from localworld.world import World

MIB = 1024 * 1024
# One wide character makes every other one take four bytes: 14 KiB packed, 14 MiB as text, 56 MiB once it is read.
DEADLY = pack({"a.yaml": f"# \U0001f600{'x' * 14 * MIB}".encode()})
SPEC = {
    "license": {"secretRef": {"name": "my-license"}},
    "manifests": [{"secretRef": {"name": "release", "key": "release.tgz"}}],
}


def test_sources_that_their_reader_dies_of_are_given_up(world: World, signer: Signer, operator: Operator) -> None:
    tenant, other = Tenant.make(world, signer), Tenant.make(world, signer)
    tenant.put_secret("release", {"release.tgz": DEADLY})
    tenant.put_app_spec("deadly", SPEC)
    until(lambda: tenant.condition("deadly", "Stalled").get("reason") == "TooExpensive", "the app is given up")
    message = tenant.condition("deadly")["message"]
    assert message == (
        "reading the sources took more than 64 MiB of memory, 2 times for the same sources; it is read again when they"
        " change"
    )

    kept = tenant.status("deadly")["failedReads"]
    assert (kept["count"], kept["reason"]) == (2, "reading the sources took more than 64 MiB of memory")

    operator.stop()
    operator.start()
    other.put_app("sound", [deployment("sound", PUBLIC)])
    other.wait_ready("sound")
    # It was not read again: nobody's reader died since, and the same two deaths are told.
    assert tenant.status("deadly")["failedReads"] == kept
    assert tenant.condition("deadly", "Stalled")["reason"] == "TooExpensive"

    tenant.put_secret("release", {"release.tgz": pack({"a.yaml": str(config_map("mended", a="1")).encode()})})
    tenant.wait_ready("deadly")
    assert "failedReads" not in tenant.status("deadly")

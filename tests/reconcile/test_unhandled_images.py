"""What looks like an image and is not handled is in the status, until an entry of spec.imagePaths handles it."""

from __future__ import annotations

from typing import Any

from harness.cluster import NAMESPACE, config_map, deployment
from harness.inprocess import PUBLIC, Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, until
from kotsapp.verdicts.verdict import Verdict

WORKER = "quay.io/my-org/worker:v1"


def resolved(operator: Operator) -> Any:
    return next(c["message"] for c in operator.status()["conditions"] if c["type"] == "ImagesResolved")


@in_virtual_time
async def test_it_is_told_not_asked_for_and_routed_when_somebody_says_so(signer: Signer) -> None:
    async with operating(signer, verdicts={WORKER: Verdict.PRIVATE}) as operator:
        operator.put_app(deployment(image=PUBLIC), config_map(worker=WORKER), wait=False)
        await operator.until_ready()
        (reported,) = operator.status()["unhandledImages"]
        assert (reported["image"], reported["object"], reported["path"]) == (
            WORKER,
            "ConfigMap/settings",
            "data.worker",
        )
        assert set(operator.prober.asked) == {PUBLIC}
        assert [one["image"] for one in operator.status()["images"]] == [PUBLIC]
        assert resolved(operator) == "1 image resolved; looking like images elsewhere: 1, see status.unhandledImages"

        operator.put_app(
            deployment(image=PUBLIC), config_map(worker=WORKER), wait=False, imagePaths=[reported["imagePath"]]
        )
        await until(lambda: "unhandledImages" not in operator.status())
        await operator.until_ready()
        routed = operator.api.live("ConfigMap", "settings", NAMESPACE)["data"]["worker"]
        assert routed == f"proxy.replicated.com/proxy/my-kots-app/{WORKER}"

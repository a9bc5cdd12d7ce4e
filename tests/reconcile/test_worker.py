"""One KotsApp after another thing that happens to it, by the operator's own workers on a fake cluster."""

from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, obj, well
from harness.fakekube import Match, refused
from harness.inprocess import PRIVATE, PROXIED, PUBLIC, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.names import KIND, REQUEST_ANNOTATION
from kotsapp.verdicts.verdict import Verdict
from kotsapp.verdicts.verification import Verified

PULL_SECRET = "my-kots-app-registry"
STATUS = Match("patch", KIND)


# -- from nothing to Ready


@in_virtual_time
async def test_a_private_image_is_routed_with_its_pull_secret_there_first(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment(image=PRIVATE), deployment("web", PUBLIC), wait=False)
        await operator.until_ready()

        spec = operator.api.live("Deployment", "shop", NAMESPACE)["spec"]["template"]["spec"]
        assert spec["containers"][0]["image"] == PROXIED
        assert spec["imagePullSecrets"] == [{"name": PULL_SECRET}]
        web = operator.api.live("Deployment", "web", NAMESPACE)["spec"]["template"]["spec"]
        assert web["containers"][0]["image"] == PUBLIC
        applied = [write for write in operator.api.writes() if write.startswith("apply")]
        assert applied[0] == f"apply Secret/{PULL_SECRET}"


@in_virtual_time
async def test_ready_waits_for_the_workloads(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment(image=PUBLIC))
        await operator.until_reason("Progressing")
        assert operator.ready()[0] == "Unknown"

        live = operator.api.live("Deployment", "shop", NAMESPACE)
        operator.api.change("Deployment", "shop", {"status": well(live)}, NAMESPACE)

        await operator.until_ready()


@in_virtual_time
async def test_when_nothing_changes_nothing_is_asked_and_nothing_written(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"), obj("Secret", "runner"), probe={"interval": "12h"})
        await operator.until_ready()
        operator.api.audit.clear()

        await quiet(3600)

        assert operator.api.requests() == [request for request in operator.api.requests() if "watch" in request]


@in_virtual_time
async def test_a_restart_writes_nothing_and_asks_no_registry_again(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment(image=PRIVATE), config_map(a="1"), wait=False)
        await operator.until_ready()
        api = operator.api
        before = operator.status()
    api.audit.clear()

    async with operating(signer, api) as again:
        await quiet(60)

        assert api.writes() == []
        assert again.status() == before
        assert again.prober.asked == []


# -- inputs


@in_virtual_time
async def test_a_license_that_comes_later_is_seen_when_it_comes(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"), license={"secretRef": {"name": "later"}})
        await operator.until_reason("LicenseNotFound")
        assert operator.data() is None

        operator.put_license("later")

        await operator.until_ready()
        assert operator.data() == {"a": "1"}


@in_virtual_time
async def test_a_license_that_is_taken_away_leaves_what_runs(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()

        operator.api.delete("Secret", "my-license", NAMESPACE)

        await operator.until_reason("LicenseNotFound")
        assert operator.data() == {"a": "1"}


@in_virtual_time
async def test_manifests_of_a_config_map_are_applied_anew_when_it_changes(signer: Signer) -> None:
    def manifests(value: str) -> dict[str, Any]:
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{a: '{value}'}}\n"
        return config_map("manifests", **{"app.yaml": text})

    async with operating(signer) as operator:
        operator.api.put(manifests("1"))
        operator.put_app(manifests=[{"configMapRef": {"name": "manifests"}}])
        await operator.until_ready()

        operator.api.put(manifests("2"))

        await until(lambda: operator.data() == {"a": "2"})


@in_virtual_time
async def test_an_image_that_nobody_can_tell_of_holds_everything_back(signer: Signer) -> None:
    async with operating(signer, verdicts={PRIVATE: Verdict.UNREACHABLE}) as operator:
        operator.prober.verified = Verified.UNKNOWN
        operator.put_app(deployment(image=PRIVATE), config_map(a="1"))
        await operator.until_reason("ImagesUndecided")
        assert operator.data() is None

        operator.prober.verdicts[PRIVATE] = Verdict.PRIVATE

        await until(lambda: operator.data() is not None)


# -- what others do


@pytest.mark.parametrize("how", ["changed", "deleted"])
@in_virtual_time
async def test_drift_is_repaired_and_told(signer: Signer, how: str) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        if how == "changed":
            operator.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, NAMESPACE)
        else:
            operator.api.delete("ConfigMap", "settings", NAMESPACE)

        await until(lambda: operator.data() == {"a": "1"})
        await quiet(5)
        assert "DriftRepaired" in operator.events()


@in_virtual_time
async def test_what_another_app_has_is_taken_when_that_app_is_gone(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="first"), name="first")
        await operator.until_ready("first")
        operator.put_app(config_map(a="second"), name="second")
        await operator.until_reason("ObjectClaimed", "second")
        assert operator.data() == {"a": "first"}

        operator.api.delete(KIND, "first", NAMESPACE)

        await operator.until_ready("second")
        assert operator.data() == {"a": "second"}


# -- failures


@pytest.mark.parametrize("status", [0, 409, 429, 500, 503])
@in_virtual_time
async def test_a_server_that_fails_for_a_while_only_delays(signer: Signer, status: int) -> None:
    async with operating(signer) as operator:
        await quiet()  # the operator itself has to come up first
        operator.api.fail(status, times=6)
        operator.put_app(deployment(image=PRIVATE), config_map(a="1"), wait=False)

        await operator.until_ready()
        assert operator.data() == {"a": "1"}


@in_virtual_time
async def test_a_status_whose_answer_is_lost_is_read_before_it_is_written_again(signer: Signer) -> None:
    """Else what was known before it would count as written, and the other one stay for ever."""
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.api.fail(0, match=STATUS, lost=True)
        operator.api.delete("Secret", "my-license", NAMESPACE)
        await until(lambda: operator.ready()[1] == "LicenseNotFound")

        operator.put_license()

        await operator.until_ready()


@in_virtual_time
async def test_what_keeps_failing_is_tried_more_and_more_seldom(signer: Signer) -> None:
    async with operating(signer) as operator:
        await quiet()
        operator.api.fail(500, times=10_000, match=Match("apply", "ConfigMap"))
        operator.put_app(config_map(a="1"))
        await quiet(3600)

        tries = operator.api.requests().count("apply ConfigMap/settings")
        assert 8 <= tries <= 30, "at first after a second, then up to five minutes"
        assert operator.ready()[0] != "True"


@in_virtual_time
async def test_an_object_that_is_refused_is_told_and_the_others_are_not_written(signer: Signer) -> None:
    def deny(made: Any, _: object) -> None:
        if made["kind"] == "PersistentVolumeClaim":
            raise refused(403, 'persistentvolumeclaims "runner" is forbidden: no more volumes here')

    async with operating(signer) as operator:
        operator.api.admit_by(deny)
        operator.put_app(config_map(a="1"), obj("PersistentVolumeClaim", "runner"))

        await operator.until_reason("ObjectRefused")
        assert "PersistentVolumeClaim/runner" in operator.message()
        assert "no more volumes here" in operator.message()
        assert operator.data() is None


@in_virtual_time
async def test_a_fault_of_ours_is_told_and_stops_no_other_app(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.prober.fault = RuntimeError("a fault")
        operator.put_app(deployment(image=PRIVATE), name="broken", wait=False)
        await operator.until_reason("InternalError", "broken")
        assert "a fault" not in operator.message("broken")

        operator.put_app(config_map(a="1"), name="sound")
        await operator.until_ready("sound")

        operator.prober.fault = None
        await operator.until_ready("broken")


@in_virtual_time
async def test_whoever_asks_every_moment_is_answered_every_few_seconds(signer: Signer) -> None:
    """Each answer asks every registry anew, at the cost of all other apps."""
    async with operating(signer) as operator:
        operator.put_app(deployment(image=PRIVATE), wait=False)
        await operator.until_ready()

        for number in range(100):
            annotations = {"annotations": {REQUEST_ANNOTATION: f"{number}"}}
            operator.api.change(KIND, "my-app", {"metadata": annotations}, NAMESPACE)
            await quiet(0.3)
        await until(lambda: operator.status().get("lastHandledRequestedAt") == "99")

        assert 5 <= operator.events().count("ProbeRequested") <= 8, "30 seconds, 5 between two of them"

"""The node stand-in runs a pod only when the pod's own pull secrets let its images be pulled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.worldobjects import PODS, PROXIED, SECRETS, pod, pull_secret, wait_for_phase, wait_for_reason
from localworld import layout
from localworld.api import ApiError

if TYPE_CHECKING:
    from localworld.world import World


def ready(found: dict[str, object]) -> bool:
    conditions = found["status"]["conditions"]  # type: ignore[index]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_a_pod_with_the_right_secret_becomes_ready(audited_world: World) -> None:
    audited_world.api.create(SECRETS, pull_secret("right", layout.SAMPLE_LICENSE))
    audited_world.api.create(PODS, pod("with-right", PROXIED, secret="right"))

    found = wait_for_phase(audited_world, "with-right", "Running")

    assert ready(found)
    assert found["status"]["containerStatuses"][0]["imageID"].startswith(f"{layout.PROXY}/proxy/my-kots-app/quay.io/")


def test_a_pod_with_a_wrong_secret_waits_and_says_why(audited_world: World) -> None:
    audited_world.api.create(SECRETS, pull_secret("wrong", "no-such-license"))
    audited_world.api.create(PODS, pod("with-wrong", PROXIED, secret="wrong"))

    message = wait_for_reason(audited_world, "with-wrong", "ImagePullBackOff")

    assert message.startswith(f'Back-off pulling image "{PROXIED}": ErrImagePull: ')
    assert "unauthorized" in message
    assert "no-such-license" not in message


def test_a_private_image_without_a_secret_waits(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("no-secret", "quay.io/my-org/api:v1.0.1"))

    assert "unauthorized" in wait_for_reason(audited_world, "no-secret", "ImagePullBackOff")


def test_a_secret_for_another_host_is_not_used(audited_world: World) -> None:
    audited_world.api.create(SECRETS, pull_secret("elsewhere", layout.SAMPLE_LICENSE, host="quay.io"))
    audited_world.api.create(PODS, pod("with-elsewhere", PROXIED, secret="elsewhere"))

    wait_for_reason(audited_world, "with-elsewhere", "ImagePullBackOff")


def test_a_missing_secret_is_no_crash_and_its_arrival_heals(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("early", PROXIED, secret="late"))
    wait_for_reason(audited_world, "early", "ImagePullBackOff")

    audited_world.api.create(SECRETS, pull_secret("late", layout.SAMPLE_LICENSE))

    assert ready(wait_for_phase(audited_world, "early", "Running"))


def test_the_secret_of_the_service_account_counts(audited_world: World) -> None:
    audited_world.api.create(SECRETS, pull_secret("of-account", layout.SAMPLE_LICENSE))
    account = {"metadata": {"name": "puller"}, "imagePullSecrets": [{"name": "of-account"}]}
    audited_world.api.create("/api/v1/namespaces/default/serviceaccounts", account)
    audited_world.wait_for_service_account("default", "puller")
    audited_world.api.create(PODS, pod("by-account", PROXIED, serviceAccountName="puller"))

    wait_for_phase(audited_world, "by-account", "Running")


def test_an_init_container_that_cant_be_pulled_holds_the_rest(audited_world: World) -> None:
    init = [{"name": "first", "image": "quay.io/my-org/api:v1.0.1"}]
    audited_world.api.create(PODS, pod("held", "busybox:1.36", initContainers=init))

    found = audited_world.api.wait(
        f"{PODS}/held",
        lambda found: (
            "ImagePullBackOff" in str(found["status"].get("initContainerStatuses"))
            and found["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
        ),
    )

    assert found["status"]["phase"] == "Pending"


def test_a_host_that_the_world_does_not_have_is_never_asked(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("nowhere", "nowhere.invalid/a/b:1"))

    assert "no such host" in wait_for_reason(audited_world, "nowhere", "ImagePullBackOff")


def test_a_reference_that_is_none_is_named_so(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("unparsable", "quay.io/Upper/Case:1"))

    assert "quay.io/Upper/Case:1" in wait_for_reason(audited_world, "unparsable", "InvalidImageName")


def test_an_image_by_digest_is_pulled_by_its_digest(audited_world: World) -> None:
    digest = audited_world.push_image("registry.k8s.io/pinned:1")
    audited_world.api.create(PODS, pod("pinned", f"registry.k8s.io/pinned:other@{digest}"))

    found = wait_for_phase(audited_world, "pinned", "Running")

    assert found["status"]["containerStatuses"][0]["imageID"] == f"registry.k8s.io/pinned@{digest}"


def test_a_new_image_on_a_waiting_pod_is_tried(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("mended", "registry.k8s.io/absent:1"))
    wait_for_reason(audited_world, "mended", "ImagePullBackOff")

    audited_world.api.request(
        "PATCH",
        f"{PODS}/mended",
        {"spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]}},
        content_type="application/strategic-merge-patch+json",
    )

    wait_for_phase(audited_world, "mended", "Running")


def test_a_job_completes(audited_world: World) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1.36"}]}}
    audited_world.api.create(jobs, {"metadata": {"name": "once"}, "spec": {"template": template}})

    audited_world.api.wait(f"{jobs}/once", lambda job: job.get("status", {}).get("succeeded") == 1)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("unready", ("Running", False, "")),
        ("crash", ("Running", False, "CrashLoopBackOff")),
        ("fail", ("Failed", False, "")),
        ("creating", ("Pending", False, "ContainerCreating")),
    ],
)
def test_a_pod_can_be_told_to_come_to_nothing(
    audited_world: World, outcome: str, expected: tuple[str, bool, str]
) -> None:
    name = f"told-{outcome}"
    annotations = {"localworld/outcome": outcome}
    audited_world.api.create(PODS, pod(name, "busybox:1.36", annotations=annotations))

    def reported(found: dict[str, Any]) -> bool:
        status = found.get("status", {})  # Pending is also what nobody has looked at yet
        return status.get("phase") == expected[0] and bool(status.get("containerStatuses"))

    found = audited_world.api.wait(f"{PODS}/{name}", reported)

    state = found["status"]["containerStatuses"][0]["state"]
    assert (found["status"]["phase"], ready(found), state.get("waiting", {}).get("reason", "")) == expected


def test_a_daemon_set_and_a_stateful_set_roll_out(audited_world: World) -> None:
    base = "/apis/apps/v1/namespaces/default"
    labels = {"app": "rolled"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]},
        },
    }
    audited_world.api.create(f"{base}/daemonsets", {"metadata": {"name": "rolled"}, "spec": spec})
    audited_world.api.create(
        f"{base}/statefulsets", {"metadata": {"name": "rolled"}, "spec": {**spec, "replicas": 2, "serviceName": "x"}}
    )

    audited_world.api.wait(f"{base}/daemonsets/rolled", lambda found: found["status"].get("numberReady") == 1)
    audited_world.api.wait(f"{base}/statefulsets/rolled", lambda found: found["status"].get("readyReplicas") == 2)


def test_a_deleted_pod_goes_at_once(audited_world: World) -> None:
    audited_world.api.create(PODS, pod("leaving", "busybox:1.36"))
    wait_for_phase(audited_world, "leaving", "Running")

    audited_world.api.delete(f"{PODS}/leaving")

    def gone(_: dict[str, object]) -> bool:
        try:
            audited_world.api.get(f"{PODS}/leaving")
        except ApiError as error:
            return error.status == 404
        return False

    audited_world.api.wait("/api/v1/namespaces/default", gone, seconds=10)


def test_a_pod_can_be_told_to_crash_after_each_start(audited_world: World) -> None:
    annotations = {"localworld/outcome": "crash-loop:1"}
    audited_world.api.create(PODS, pod("told-to-crash", "busybox:1.36", annotations=annotations))

    def restarts(found: dict[str, object]) -> int:
        return found["status"].get("containerStatuses", [{}])[0].get("restartCount", 0)  # type: ignore[attr-defined,index]

    assert ready(wait_for_phase(audited_world, "told-to-crash", "Running")), "it starts"
    again = audited_world.api.wait(f"{PODS}/told-to-crash", lambda found: restarts(found) == 1)
    assert ready(again)
    last = again["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert last["exitCode"] == 1
    assert last["startedAt"] <= last["finishedAt"]

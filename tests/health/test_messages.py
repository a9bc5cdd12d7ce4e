"""Messages of kubelets and runtimes are the same for every pod of a workload, and hold nothing of anybody's own."""

import pytest

from kotsapp.health.messages import of_any_pod, probe_failure, start_error, unschedulable

SANDBOX = "5f" * 32


def pod(name: str = "api-7d9f8c-x2x4z", address: str = "10.244.0.7", uid: str = "0a1b-2c3d") -> dict[str, object]:
    return {"metadata": {"name": name, "uid": uid}, "status": {"podIP": address}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'rpc error: code = Unknown desc = failed to reserve sandbox name "api-7d9f8c-x2x4z_apps_0a1b-2c3d_0"',
            'failed to reserve sandbox name "POD_apps_UID_0"',
        ),
        (
            f'failed to setup network for sandbox "{SANDBOX}": no CNI',
            'failed to setup network for sandbox "...": no CNI',
        ),
        (
            'MountVolume.SetUp failed for volume "kube-api-access-8x2k9" : x',
            'MountVolume.SetUp failed for volume "kube-api-access" : x',
        ),
        ("dial 10.244.0.7:8080 and 10.244.0.70:8080", "dial POD:8080 and 10.244.0.70:8080"),
        ("ask https://user:hunter2@vault.invalid/x?token=abc", "ask https://vault.invalid/x"),
        (None, ""),
    ],
)
def test_what_is_of_one_pod_goes(text: str | None, expected: str) -> None:
    assert of_any_pod(text, pod()) == expected


def test_two_pods_of_a_workload_tell_the_same() -> None:
    reported = {
        of_any_pod(f"pod {name} ({ip}) in {uid}", pod(name, ip, uid))
        for name, ip, uid in (("a-1", "10.0.0.1", "u-1"), ("a-2", "10.0.0.2", "u-2"))
    }
    assert len(reported) == 1


RUNC = "OCI runtime create failed: runc create failed: unable to start container process: "
MISSING = 'exec: "serve": executable file not found in $PATH'


@pytest.mark.parametrize(
    "text",
    [
        f"failed to create containerd task: {RUNC}error during container init: {MISSING}: unknown",
        f"failed to create shim task: {RUNC}{MISSING}: unknown",
        f"container create failed: {MISSING}",
        MISSING,
    ],
)
def test_a_missing_command_is_told_without_the_layers_above_it(text: str) -> None:
    assert start_error(text, pod()) == MISSING


def test_a_scheduler_is_quoted_for_what_is_missing() -> None:
    text = "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No victims found."
    assert unschedulable(text) == "0/3 nodes are available: 3 Insufficient memory."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "HTTP status 503"),
        (
            'Readiness probe failed: Get "http://10.0.0.1:8080/h": dial tcp 10.0.0.1:8080: connect: connection refused',
            "connection refused",
        ),
        (
            'Liveness probe failed: Get "http://10.0.0.1/h": context deadline exceeded (Client.Timeout)',
            "context deadline exceeded",
        ),
        ("Readiness probe failed: password hunter2 is wrong", ""),
        (None, ""),
    ],
)
def test_of_a_probe_only_what_the_kubelet_says_is_quoted(text: str | None, expected: str) -> None:
    assert probe_failure(text) == expected

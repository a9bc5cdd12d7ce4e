"""Changes of a manifest that server-side apply alone would refuse, forget, or fight over."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.apps import PUBLIC, Object, Tenant, config_map, deployment
from harness.objects import annotated, obj, stateful_set
from harness.recording import recording
from harness.waiting import until
from localworld.world import World


def changed(target: Object, **spec: object) -> Object:
    return {**target, "spec": {**target["spec"], **spec}}


def strategy(tenant: Tenant, plural: str, field: str) -> object:
    return tenant.get(plural, "it")["spec"][field]["type"]


ROLLED = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"}
STRATEGIES: dict[str, tuple[str, str, list[Object], str]] = {
    "recreate": (
        "deployments",
        "strategy",
        [deployment("it", PUBLIC), changed(deployment("it", PUBLIC), strategy={"type": "Recreate"})],
        "Recreate",
    ),
    "recreate-and-back": (
        "deployments",
        "strategy",
        [
            changed(deployment("it", PUBLIC), strategy=ROLLED),
            changed(deployment("it", PUBLIC), strategy={"type": "Recreate"}),
            deployment("it", PUBLIC),
        ],
        "RollingUpdate",
    ),
    "on-delete": (
        "statefulsets",
        "updateStrategy",
        [stateful_set("it"), changed(stateful_set("it"), updateStrategy={"type": "OnDelete"})],
        "OnDelete",
    ),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_another_update_strategy_is_taken_up(tenant: Tenant, name: str) -> None:
    plural, field, versions, expected = STRATEGIES[name]
    for version in versions:
        tenant.put_app("app", [version])
        tenant.wait_ready("app")

    assert strategy(tenant, plural, field) == expected


def test_no_pod_is_made_beside_the_old_ones_when_they_are_to_be_recreated(tenant: Tenant) -> None:
    old = deployment("it", PUBLIC, replicas=2)
    tenant.put_app("app", [old])
    tenant.wait_ready("app")
    new = changed(copy.deepcopy(old), strategy={"type": "Recreate"})
    new["spec"]["template"]["metadata"]["annotations"] = {"version": "2"}

    tenant.put_app("app", [new])

    def is_new(pod: Object) -> bool:
        return bool(pod["metadata"].get("annotations", {}).get("version") == "2")

    def all_new() -> bool:
        pods = [pod for pod in tenant.all("pods") if "deletionTimestamp" not in pod["metadata"]]
        assert len({is_new(pod) for pod in pods}) < 2, "old and new pods at once"
        return len(pods) == 2 and all(map(is_new, pods))

    until(all_new, "the pods are made anew")
    assert "paused" not in tenant.get("deployments", "it")["spec"]


def test_another_strategy_and_an_immutable_field_at_once_take_force(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("it", PUBLIC)])
    tenant.wait_ready("app")
    new = changed(deployment("it", PUBLIC), strategy={"type": "Recreate"}, selector={"matchLabels": {"a": "b"}})
    new["spec"]["template"]["metadata"]["labels"] = {"a": "b"}

    tenant.put_app("app", [new])
    assert "spec.selector" in tenant.wait_reason("app", "ObjectRefused")["message"]

    tenant.put_app("app", [annotated(new, force="enabled")])
    tenant.wait_ready("app")
    assert strategy(tenant, "deployments", "strategy") == "Recreate"


def test_an_account_that_is_no_longer_named_is_no_longer_used(tenant: Tenant) -> None:
    tenant.put_app("app", [obj("v1", "ServiceAccount", "x"), deployment("it", PUBLIC, serviceAccountName="x")])
    tenant.wait_ready("app")

    tenant.put_app("app", [deployment("it", PUBLIC)])

    tenant.wait_ready("app")
    spec = tenant.get("deployments", "it")["spec"]["template"]["spec"]
    assert not {spec.get("serviceAccountName"), spec.get("serviceAccount")} & {"x"}
    until(lambda: not tenant.get("serviceaccounts", "x"), "the account is pruned")


def test_manifests_as_they_are_exported_and_with_a_variable_twice_are_applied(tenant: Tenant) -> None:
    made = deployment("it", PUBLIC)
    made["metadata"] |= {"uid": "0d7a1c51-0000-4000-8000-000000000000", "resourceVersion": "1", "generation": 7}
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    tenant.put_app("app", [made])

    tenant.wait_ready("app")
    live = tenant.get("deployments", "it")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert sorted((one["name"], one["value"]) for one in live) == [("A", "3"), ("B", "2")]


def autoscaler() -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "it"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5, "metrics": []}
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", "it", spec=spec)


def test_an_autoscaler_that_comes_later_finds_the_replicas_that_were_there(tenant: Tenant, scratch: Path) -> None:
    tenant.put_app("app", [deployment("it", PUBLIC, replicas=3)])
    tenant.wait_ready("app")
    pods = {pod["metadata"]["uid"] for pod in tenant.all("pods")}
    with recording(tenant, scratch, "deployments") as seen:
        tenant.put_app("app", [deployment("it", PUBLIC, replicas=3), autoscaler()])
        until(lambda: tenant.get("horizontalpodautoscalers", "it"), "the autoscaler is there")
        tenant.wait_ready("app")
        states = seen.states("it")

    assert {state["spec"]["replicas"] for state in states} == {3}
    assert {pod["metadata"]["uid"] for pod in tenant.all("pods")} == pods


def test_the_replicas_of_what_an_autoscaler_scales_are_the_autoscalers(tenant: Tenant) -> None:
    scaler = autoscaler()
    tenant.put_app("app", [deployment("it", PUBLIC, replicas=2), config_map("settings", a="1"), scaler])
    tenant.wait_ready("app")
    tenant.kubectl("scale", "deployment/it", "--replicas=3")

    tenant.put_app("app", [deployment("it", PUBLIC, replicas=2), config_map("settings", a="2"), scaler])

    until(lambda: tenant.get("configmaps", "settings")["data"] == {"a": "2"}, "the change is applied")
    tenant.wait_ready("app")
    assert tenant.get("deployments", "it")["spec"]["replicas"] == 3
    assert "DriftRepaired" not in tenant.events()


@pytest.fixture
def frozen(world: World, tenant: Tenant) -> Iterator[Callable[[], None]]:
    """Call it, and an admission policy refuses every update of a ConfigMap in the namespace."""
    name = f"freeze-{tenant.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "change freeze until Monday"}],
        },
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}}
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
    }

    def freeze() -> None:
        world.kubectl(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, binding]})
        )
        tenant.put_config_map("probe", {})

        def refused() -> bool:
            reported = tenant.kubectl("annotate", "--overwrite", "configmap", "probe", "a=b", check=False)
            return "annotated" not in reported

        until(refused, "the policy is in force", 30)

    yield freeze
    world.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name, "--ignore-not-found")


def test_a_policys_no_is_told_in_its_words_and_no_force_gets_around_it(
    tenant: Tenant, frozen: Callable[[], None]
) -> None:
    tenant.put_app("app", [config_map("settings", a="1")])
    tenant.wait_ready("app")
    uid = tenant.get("configmaps", "settings")["metadata"]["uid"]
    frozen()

    tenant.put_app("app", [config_map("settings", a="2")])
    assert "change freeze until Monday" in tenant.wait_reason("app", "ObjectRefused")["message"]

    forced = annotated(copy.deepcopy(config_map("settings", a="3")), force="enabled")
    tenant.put_app("app", [forced])
    until(lambda: tenant.condition("app").get("observedGeneration") == 3, "it was looked at")
    assert "change freeze until Monday" in tenant.wait_reason("app", "ObjectRefused")["message"]
    assert tenant.get("configmaps", "settings")["metadata"]["uid"] == uid

"""The pod as it is shipped: what asks it is answered, and what surrounds it lets it work."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from harness.shipped import DEPLOY, Identity, Object, container_in, deployment_in, kustomized, templated
from kotsapp.cli.arguments.run import DEFAULT_LEASE, DEFAULT_PORT
from kotsapp.endpoints import Readiness, serve

# Seconds for a process that starts while its node starts everything else.
SLOW_START = 60
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
POD_SECURITY = "pod-security.kubernetes.io/"


@pytest.fixture(scope="module")
def base() -> dict[Identity, Object]:
    return kustomized(DEPLOY)


async def test_every_probe_asks_for_what_the_operator_serves(base: Mapping[Identity, Object]) -> None:
    container = container_in(base)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    async with (
        serve("127.0.0.1", 0, CollectorRegistry(), lambda: Readiness(True)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        for name in PROBES:
            asked = container[name]["httpGet"]
            assert ports[asked["port"]] == DEFAULT_PORT
            assert (await session.get(asked["path"])).status == 200


def test_a_slow_start_is_no_reason_to_kill_it_and_a_hung_process_is(base: Mapping[Identity, Object]) -> None:
    start, live = (container_in(base)[name] for name in ("startupProbe", "livenessProbe"))
    assert start["failureThreshold"] * start["periodSeconds"] >= SLOW_START
    assert live["failureThreshold"] * live["periodSeconds"] <= SLOW_START


def test_its_priority_class_comes_along_and_evicts_nothing(base: Mapping[Identity, Object]) -> None:
    name = deployment_in(base)["spec"]["template"]["spec"]["priorityClassName"]
    made = base["PriorityClass", "", name]
    assert made["preemptionPolicy"] == "Never"
    assert 0 < made["value"] <= 1_000_000_000, "above are Kubernetes' own"


def test_a_priority_class_of_the_clusters_own_takes_the_shipped_ones_place() -> None:
    objects = templated({"priorityClassName": "platform"})
    assert deployment_in(objects)["spec"]["template"]["spec"]["priorityClassName"] == "platform"
    assert "PriorityClass" not in {kind for kind, _, _ in objects}


def test_its_namespace_enforces_pod_security_at_a_version_and_warns_of_the_newest(
    base: Mapping[Identity, Object],
) -> None:
    labels = base["Namespace", "", "kotsapp-system"]["metadata"]["labels"]
    levels = {name.removeprefix(POD_SECURITY): level for name, level in labels.items() if name.startswith(POD_SECURITY)}
    assert {levels[mode] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    assert levels["enforce-version"].startswith("v1.")
    assert levels["audit-version"] == levels["warn-version"] == "latest"


def test_its_replicas_lead_by_a_lease_that_they_alone_may_use(base: Mapping[Identity, Object]) -> None:
    spec, args = deployment_in(base)["spec"], container_in(base)["args"]
    assert spec["replicas"] == 2
    assert "--leader-elect" in args
    assert [entry["name"] for entry in container_in(base)["env"]] == ["POD_NAME"]
    assert base["Role", "kotsapp-system", "kotsapp-operator"]["rules"] == [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [DEFAULT_LEASE],
            "verbs": ["get", "watch", "create", "update"],
        }
    ]
    granted = [rule for (kind, _, _), role in base.items() if kind == "ClusterRole" for rule in role["rules"]]
    assert not any("coordination.k8s.io" in rule["apiGroups"] for rule in granted)


def test_its_token_is_for_its_own_pod_alone(base: Mapping[Identity, Object]) -> None:
    pod = deployment_in(base)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    assert base["ServiceAccount", "kotsapp-system", "kotsapp-operator"]["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, "no variable for each Service of the namespace"


def test_one_node_is_enough_for_them_and_each_may_go_while_the_other_stays(base: Mapping[Identity, Object]) -> None:
    spec = deployment_in(base)["spec"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["matchLabelKeys"] == ["pod-template-hash"], "pods of a rolling update are spread among themselves"
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    budget = base["PodDisruptionBudget", "kotsapp-system", "kotsapp-operator"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert budget["maxUnavailable"] == 1
    for selector in (budget["selector"], spread["labelSelector"]):
        assert selector["matchLabels"].items() <= labels.items()


def ports(rules: list[dict[str, Any]]) -> set[tuple[str, Any]]:
    return {(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]}


def test_the_network_policy_selects_the_pod_and_lets_through_what_it_needs(
    everything_shipped: dict[Identity, Object],
) -> None:
    policy = everything_shipped["NetworkPolicy", "kotsapp-system", "kotsapp-operator"]["spec"]
    labels = deployment_in(everything_shipped)["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert ports(policy["ingress"]) == {("TCP", "http")}
    needed = {("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 6443)}
    assert needed <= ports(policy["egress"])
    assert not any(rule.get("to") for rule in policy["egress"]), "registries have no fixed addresses"


def test_a_further_port_is_let_out_by_a_value_of_the_chart() -> None:
    proxy = {"ports": [{"protocol": "TCP", "port": 3128}], "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}
    policy = templated({"networkPolicy": {"enabled": True, "extraEgress": [proxy]}})
    egress = policy["NetworkPolicy", "kotsapp-system", "kotsapp-operator"]["spec"]["egress"]
    assert proxy in egress
    assert ("TCP", 443) in ports(egress)

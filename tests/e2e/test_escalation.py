"""Whoever may only create KotsApps gains nothing by it: what they may not do, the operator doesn't do for them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.deployer import make_deployer
from harness.forked import ForkedOperator
from harness.licenses import Signer
from harness.running import Operator
from harness.waiting import until
from kotsapp.apply.lending import EDIT, WORKLOADS
from localworld.world import World

OPERATOR = "system:serviceaccount:kotsapp-system:kotsapp-operator"
ELSEWHERE = "escalation-elsewhere"


def obj(api_version: str, kind: str, name: str, **fields: Any) -> Object:
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod(name: str, **spec: Any) -> Object:
    return obj("v1", "Pod", name, spec={"containers": [{"name": "main", "image": PUBLIC}], **spec})


def labelled(target: Object, **labels: str) -> Object:
    return {**target, "metadata": {**target["metadata"], "labels": labels}}


def cron_job(name: str, account: str) -> Object:
    spec = {**pod("x", serviceAccountName=account)["spec"], "restartPolicy": "Never"}
    return obj(
        "batch/v1",
        "CronJob",
        name,
        spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": spec}}}},
    )


RBAC = "rbac.authorization.k8s.io/v1"
CLUSTER_ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
ME = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]
OWNER = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "powerful", "uid": "0000"}
# The victim's selector can't be changed, so that force would delete it.
FORCED = deployment("victim", PUBLIC, serviceAccountName="default")
FORCED["metadata"]["annotations"] = {"kotsapp.dev/force": "enabled"}
FORCED["spec"]["selector"]["matchLabels"] = FORCED["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
FORGED = deployment("forged-template", PUBLIC)
FORGED["spec"]["template"]["metadata"]["labels"]["kotsapp.dev/name"] = "other"
HIDDEN = obj(RBAC, "RoleBinding", "hidden", roleRef=CLUSTER_ADMIN, subjects=ME)


@dataclass(frozen=True)
class Attempt:
    """What a tenant tries, and what the refusal has to name."""

    objects: Sequence[Object]
    named: Sequence[str]


ATTEMPTS = {
    "cluster-role-binding": Attempt(
        [obj(RBAC, "ClusterRoleBinding", "root", roleRef=CLUSTER_ADMIN, subjects=ME)], ["ClusterRoleBinding/root"]
    ),
    "role": Attempt(
        [obj(RBAC, "Role", "all", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])], ["Role/all"]
    ),
    "role-binding": Attempt([obj(RBAC, "RoleBinding", "all", roleRef=CLUSTER_ADMIN, subjects=ME)], ["RoleBinding/all"]),
    "another-namespace": Attempt(
        [obj("v1", "ConfigMap", "settings", metadata={"namespace": ELSEWHERE}, data={"a": "mine"})],
        ["ConfigMap/settings", f"in namespace {ELSEWHERE}"],
    ),
    "path-in-a-name": Attempt(
        [obj("v1", "ConfigMap", f"../../{ELSEWHERE}/configmaps/settings", data={"a": "mine"})], ["metadata.name"]
    ),
    "subresource-in-a-name": Attempt([obj("v1", "ServiceAccount", "powerful/token")], ["metadata.name"]),
    "owner-reference": Attempt(
        [obj("v1", "ConfigMap", "owned", metadata={"ownerReferences": [OWNER]})],
        ["ConfigMap/owned", "metadata.ownerReferences"],
    ),
    "pod-as-another-account": Attempt([pod("mine", serviceAccountName="powerful")], ["Pod/mine", "powerful"]),
    "pod-as-another-account-by-the-old-field": Attempt(
        [pod("mine", serviceAccountName="default", serviceAccount="powerful")], ["Pod/mine", "powerful"]
    ),
    "cron-job-as-another-account": Attempt([cron_job("mine", "powerful")], ["CronJob/mine", "powerful"]),
    "account": Attempt(
        [
            obj(
                "v1",
                "ServiceAccount",
                "mine",
                metadata={"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1"}},
            )
        ],
        ["ServiceAccount/mine", "--lend edit"],
    ),
    "traffic": Attempt(
        [obj("networking.k8s.io/v1", "NetworkPolicy", "mine", spec={"podSelector": {}})],
        ["NetworkPolicy/mine", "--lend edit"],
    ),
    "evictions": Attempt(
        [obj("policy/v1", "PodDisruptionBudget", "mine", spec={"selector": {}, "maxUnavailable": 0})],
        ["PodDisruptionBudget/mine", "--lend edit"],
    ),
    "host-of-another": Attempt(
        [obj("networking.k8s.io/v1", "Ingress", "mine", spec={"rules": [{"host": "shop.example.com"}]})],
        ["Ingress/mine", "--lend edit"],
    ),
    "way-in-from-outside": Attempt(
        [
            obj(
                "v1",
                "Service",
                "mine",
                spec={"type": "NodePort", "selector": {"app": "victim"}, "ports": [{"port": 1}]},
            )
        ],
        ["Service/mine", "type NodePort"],
    ),
    "name-for-another-host": Attempt(
        [obj("v1", "Service", "mine", spec={"type": "ExternalName", "externalName": "example.com"})],
        ["Service/mine", "type ExternalName"],
    ),
    "address-of-another": Attempt(
        [obj("v1", "Service", "mine", spec={"externalIPs": ["192.0.2.1"], "ports": [{"port": 53}]})],
        ["Service/mine", "spec.externalIPs"],
    ),
    "replicas-of-another": Attempt(
        [
            obj(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "mine",
                spec={
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "victim"},
                    "minReplicas": 9,
                    "maxReplicas": 9,
                },
            )
        ],
        ["HorizontalPodAutoscaler/mine", "does not bring"],
    ),
    "workload-taken-over": Attempt([deployment("victim", PUBLIC)], ["Deployment/victim", "is there already"]),
    "workload-replaced": Attempt([FORCED], ["Deployment/victim", "is there already"]),
    "secret-taken-over": Attempt(
        [obj("v1", "Secret", "credentials", stringData={"password": "mine"})], ["Secret/credentials"]
    ),
    "token-secret": Attempt(
        [
            obj(
                "v1",
                "Secret",
                "token",
                type="kubernetes.io/service-account-token",
                metadata={"annotations": {"kubernetes.io/service-account.name": "powerful"}},
            )
        ],
        ["Secret/token", "another account's token"],
    ),
    "forged-labels": Attempt(
        [labelled(config_map("mine"), **{"kotsapp.dev/namespace": ELSEWHERE, "kotsapp.dev/name": "other"})],
        ["ConfigMap/mine", "name another KotsApp"],
    ),
    "forged-labels-of-pods": Attempt([FORGED], ["Deployment/forged-template", "name another KotsApp"]),
    "hidden-in-a-list": Attempt(
        [{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "List", "items": [HIDDEN]}]}],
        ["RoleBinding/hidden"],
    ),
    "hidden-in-a-typed-list": Attempt(
        [{"apiVersion": RBAC, "kind": "RoleBindingList", "items": [{k: HIDDEN[k] for k in ("metadata", "roleRef")}]}],
        ["RoleBinding/hidden"],
    ),
    "another-kotsapp": Attempt(
        [obj("kotsapp.dev/v1alpha1", "KotsApp", "inner", spec={"serviceAccountName": "powerful"})], ["KotsApp/inner"]
    ),
    "namespace": Attempt([obj("v1", "Namespace", ELSEWHERE, metadata={"labels": {"a": "b"}})], ["Namespace"]),
    "webhook": Attempt(
        [obj("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "all")],
        ["MutatingWebhookConfiguration/all"],
    ),
    "policy-for-pods": Attempt(
        [obj("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "kotsapp-pods")],
        ["MutatingAdmissionPolicy/kotsapp-pods"],
    ),
    "policy-for-pods-bound-to-all": Attempt(
        [obj("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", "mine")],
        ["MutatingAdmissionPolicyBinding/mine"],
    ),
    "namespace-allowed-for-routed-pods": Attempt(
        [obj("v1", "Namespace", ELSEWHERE, metadata={"labels": {"kotsapp.dev/route-pods": "enabled"}})],
        [f"Namespace/{ELSEWHERE}"],
    ),
    "kotsapp-with-a-status": Attempt(
        [obj("kotsapp.dev/v1alpha1", "KotsApp", "inner", status={"pods": {"pullSecret": "x", "hosts": ["evil"]}})],
        ["KotsApp/inner"],
    ),
    "definition": Attempt(
        [obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "kotsapps.kotsapp.dev")],
        ["CustomResourceDefinition/kotsapps.kotsapp.dev"],
    ),
    "persistent-volume": Attempt([obj("v1", "PersistentVolume", "disk")], ["PersistentVolume/disk"]),
}

# Accounts among them.
WITH_MORE = {
    "account-taken-over": Attempt(
        [obj("v1", "ServiceAccount", "powerful"), pod("mine", serviceAccountName="powerful")],
        ["ServiceAccount/powerful", "is there already"],
    ),
    "default-account-taken-over": Attempt(
        [obj("v1", "ServiceAccount", "default", imagePullSecrets=[{"name": "mine"}])],
        ["ServiceAccount/default", "is there already"],
    ),
    **{
        name: ATTEMPTS[name] for name in ("role-binding", "pod-as-another-account", "token-secret", "another-namespace")
    },
}


def victims(tenant: Tenant) -> dict[str, str]:
    """Everything that is there and not the tenant's, by its uid and content."""
    found = {
        f"{plural}/{item['metadata']['name']}": item["metadata"]["uid"] + json.dumps(item.get("spec", item.get("data")))
        for plural in ("serviceaccounts", "secrets", "configmaps", "services", "deployments")
        for item in tenant.all(plural)
    }
    there = tenant.world.api.get(f"/api/v1/namespaces/{ELSEWHERE}/configmaps/settings")
    return found | {"elsewhere": there["metadata"]["resourceVersion"]}


@dataclass(frozen=True)
class Attempted:
    """What was there before and after, and what each app's conditions were, by type."""

    before: dict[str, str]
    after: dict[str, str]
    conditions: dict[str, dict[str, Object]]


def attempt(world: World, signer: Signer, operator: Operator, attempts: Mapping[str, Attempt]) -> Attempted:
    """All of them at once, beside objects that somebody else made; the apps are gone afterwards."""
    world.create_namespace(ELSEWHERE)
    tenant = Tenant.make(world, signer)
    tenant.kubectl("-n", ELSEWHERE, "create", "configmap", "settings", "--from-literal=a=b")
    tenant.kubectl("create", "serviceaccount", "powerful")
    tenant.kubectl("create", "secret", "generic", "credentials", "--from-literal=password=hunter2")
    victim = deployment("victim", PUBLIC, serviceAccountName="powerful", replicas=0)
    tenant.kubectl("create", "-f", "-", stdin=json.dumps(victim))
    until(lambda: tenant.get("configmaps", "kube-root-ca.crt"), "the namespace is furnished")
    before = victims(tenant)
    operator.start()
    try:
        for name, tried in attempts.items():
            tenant.put_app(name, [config_map(f"beside-{name}"), *tried.objects])
        # Two of them are after the same object, and for a moment each may have claimed it first.
        until(lambda: all(_is_judged(tenant.condition(n)) for n in attempts), "all attempts are judged")
        after = victims(tenant)
        found = {n: {c["type"]: c for c in tenant.app(n)["status"]["conditions"]} for n in attempts}
        tenant.kubectl("delete", "kotsapps", "--all")
        tenant.kubectl("delete", "namespace", ELSEWHERE)
    finally:
        operator.stop()
    return Attempted(before, after, found)


@pytest.fixture(scope="module")
def attempted(
    world: World, signer: Signer, shared_operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Attempted:
    """As the operator is shipped: it lends no more than workloads need."""
    if shared_operator.running:
        shared_operator.stop()
    return attempt(world, signer, ForkedOperator(world, tmp_path_factory.mktemp("narrow"), signer.folder), ATTEMPTS)


def _is_judged(ready: Object) -> bool:
    return ready.get("status") in ("True", "False") and ready.get("reason") != "ObjectClaimed"


@pytest.fixture(scope="module")
def attempted_with_more(
    world: World, signer: Signer, shared_operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Attempted:
    """As where it lends all that ``edit`` grants."""
    if shared_operator.running:
        shared_operator.stop()
    lending = ForkedOperator(world, tmp_path_factory.mktemp("lending"), signer.folder, "--lend", "edit")
    return attempt(world, signer, lending, WITH_MORE)


def assert_refused(found: Attempted, name: str, named: Sequence[str]) -> None:
    ready = found.conditions[name]["Ready"]
    assert ready["reason"] == "ObjectRefused", ready
    assert found.conditions[name]["Stalled"]["message"].startswith(ready["message"].partition(" ... ")[0])
    assert len(ready["message"]) <= 300
    for part in named:
        assert part in found.conditions[name]["Stalled"]["message"]


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_escalation_is_refused_by_name(attempted: Attempted, name: str) -> None:
    assert_refused(attempted, name, ATTEMPTS[name].named)


def test_no_attempt_changed_anything_nor_was_applied_in_part(attempted: Attempted) -> None:
    assert attempted.after == attempted.before


@pytest.mark.parametrize("name", WITH_MORE)
def test_where_more_is_lent_nobodys_account_is(attempted_with_more: Attempted, name: str) -> None:
    assert_refused(attempted_with_more, name, WITH_MORE[name].named)
    assert attempted_with_more.after == attempted_with_more.before


def test_no_more_is_lent_than_the_clusters_own_edit_role_grants(world: World) -> None:
    role = world.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregate-to-edit")
    granted = {
        (group, resource)
        for rule in role["rules"]
        if {"create", "patch", "delete"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    plurals = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
    for kinds in (WORKLOADS, EDIT):
        lent = {(group, plurals.get(kind, f"{kind.lower()}s")) for group, of in kinds.items() for kind in of}
        assert lent - granted == set()


def test_a_person_who_may_create_kotsapps_alone_gets_an_app_and_no_more(tenant: Tenant) -> None:
    kubeconfig = tenant.world.kubeconfig_for_user("mallory")
    tenant.kubectl("create", "role", "apps", "--verb=create,get,patch", "--resource=kotsapps.kotsapp.dev")
    tenant.kubectl("create", "rolebinding", "apps", "--role=apps", "--user=mallory")
    app = obj(
        "kotsapp.dev/v1alpha1",
        "KotsApp",
        "app",
        spec={
            "license": {"secretRef": {"name": "my-license"}},
            "manifests": [{"inline": json.dumps(deployment("example"))}],
        },
    )
    mallory = ("--kubeconfig", str(kubeconfig))

    tenant.kubectl(*mallory, "create", "-f", "-", stdin=json.dumps(app))
    tenant.wait_ready("app")

    asked = tenant.kubectl(*mallory, "auth", "can-i", "patch", "kotsapps/app", "--subresource=status", check=False)
    assert asked.strip() == "no"


def test_references_stay_in_the_namespace(tenant: Tenant, new_tenant: Callable[..., Tenant]) -> None:
    other = new_tenant()
    other.put_license(name="theirs")
    reference = {"secretRef": {"name": "theirs", "namespace": other.namespace}}
    app = obj("kotsapp.dev/v1alpha1", "KotsApp", "app", spec={"license": reference, "manifests": [{"inline": "{}"}]})

    refused = tenant.kubectl("create", "--validate=strict", "-f", "-", stdin=json.dumps(app), check=False)
    tenant.put_app("app", [deployment("example")], license={"secretRef": {"name": "theirs"}})

    assert not refused.strip()
    message = tenant.wait_reason("app", "LicenseNotFound")["message"]
    assert f"Secret theirs with the license does not exist in namespace {tenant.namespace}" in message


def test_a_secret_named_as_manifests_or_license_is_not_shown(tenant: Tenant) -> None:
    tenant.put_secret("credentials", {"password": "hunter2: [", "user": "admin-of-all"})
    manifests = [{"secretRef": {"name": "credentials"}}]
    tenant.put_app_spec("manifests", {"license": {"secretRef": {"name": "my-license"}}, "manifests": manifests})
    key = {"secretRef": {"name": "credentials", "key": "user"}}
    tenant.put_app("license", [deployment("example")], license=key)

    names = ("manifests", "license")
    until(lambda: all(tenant.condition(name).get("status") == "False" for name in names), "both are judged")
    for name in names:
        reported = json.dumps(tenant.app(name)["status"]) + json.dumps(tenant.all("events"))
        assert "hunter2" not in reported
        assert "admin-of-all" not in reported


# -- taking over


def test_an_object_that_its_owner_labels_for_the_app_is_handed_over(tenant: Tenant) -> None:
    tenant.kubectl("create", "configmap", "settings", "--from-literal=a=before")
    tenant.put_app("app", [config_map("settings", a="after")])
    tenant.wait_reason("app", "ObjectRefused")
    message = tenant.condition("app", "WorkloadsApplied")["message"]

    labels = [f"kotsapp.dev/namespace={tenant.namespace}", "kotsapp.dev/name=app"]
    assert ",".join(labels) in message
    tenant.kubectl("label", "configmap", "settings", *labels)

    until(lambda: tenant.get("configmaps", "settings")["data"] == {"a": "after"}, "the app has taken it over", 10)
    tenant.wait_ready("app")


def test_an_account_that_was_made_anew_by_somebody_else_is_not_taken_over_by_a_repair(
    tenant: Tenant, operator: Operator
) -> None:
    brought = [obj("v1", "ServiceAccount", "worker"), deployment("example", PUBLIC, serviceAccountName="worker")]
    tenant.put_app("app", brought)
    tenant.wait_ready("app")
    tenant.put_app("app", brought, suspend=True)
    operator.wait_reconciled(tenant.namespace, "app", 2)
    tenant.kubectl("delete", "serviceaccount", "worker")
    tenant.kubectl("create", "serviceaccount", "worker")

    tenant.put_app("app", brought)

    assert "ServiceAccount/worker is there already" in tenant.wait_reason("app", "ObjectRefused")["message"]
    assert "labels" not in tenant.get("serviceaccounts", "worker")["metadata"]


def test_an_own_object_whose_labels_were_taken_off_is_still_the_apps(tenant: Tenant) -> None:
    tenant.put_app("app", [config_map("settings", a="b")])
    tenant.wait_ready("app")

    tenant.kubectl("label", "configmap", "settings", "kotsapp.dev/name-", "kotsapp.dev/namespace-")

    def labels() -> object:
        return tenant.get("configmaps", "settings")["metadata"].get("labels")

    mark = {"kotsapp.dev/namespace": tenant.namespace, "kotsapp.dev/name": "app"}
    until(lambda: labels() == mark, "the labels are back", 5)


# -- as an account

DROP_ACCOUNT = '[{"op":"remove","path":"/spec/serviceAccountName"}]'


def audited_writes(tenant: Tenant) -> list[dict[str, Any]]:
    """What the operator wrote in the namespace, its own bookkeeping (KotsApps, events) left out."""
    assert tenant.world.audit_log is not None
    found = []
    for line in tenant.world.audit_log.read_text().splitlines():
        if f'"namespace":"{tenant.namespace}"' not in line:
            continue
        entry = json.loads(line)
        of = entry["objectRef"]
        if entry["user"]["username"] != OPERATOR or entry["verb"] not in ("create", "update", "patch", "delete"):
            continue
        if of["resource"] not in ("kotsapps", "events"):
            found.append(entry)
    return found


def test_with_an_account_every_write_is_made_as_it_and_rbac_decides(tenant: Tenant) -> None:
    account = f"system:serviceaccount:{tenant.namespace}:deployer"
    objects = [deployment("example", PRIVATE), config_map("settings", a="b")]

    tenant.put_app("app", objects, serviceAccountName="deployer")

    missing = tenant.wait_reason("app", "ServiceAccountNotFound")["message"]
    assert f"there is no ServiceAccount {tenant.namespace}/deployer" in missing
    tenant.kubectl("create", "serviceaccount", "deployer")
    # Nobody has let the operator act as the account yet; the message is the command that does.
    message = tenant.wait_reason("app", "ImpersonationForbidden")["message"]
    command = message.partition("kubectl ")[2]
    assert "rolebinding" in command
    tenant.kubectl(*command.split())
    refused = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert f'User "{account}" cannot' in refused

    verbs = "get,list,watch,create,patch,delete"
    tenant.kubectl("create", "role", "deploy", f"--verb={verbs}", "--resource=deployments.apps,configmaps,secrets")
    tenant.kubectl("create", "rolebinding", "deploy", "--role=deploy", f"--serviceaccount={tenant.namespace}:deployer")
    tenant.wait_ready("app")

    # A kind that the operator's own rights would have made, and the account's do not.
    tenant.put_app("app", [*objects, obj("v1", "PersistentVolumeClaim", "extra")], serviceAccountName="deployer")
    assert "PersistentVolumeClaim/extra" in tenant.wait_reason("app", "ObjectRefused")["message"]
    tenant.put_app("app", objects[:1], serviceAccountName="deployer")
    until(lambda: not tenant.get("configmaps", "settings"), "what left the manifests is pruned")
    tenant.wait_ready("app")
    tenant.kubectl("delete", "kotsapp", "app")

    written = audited_writes(tenant)
    assert {(w["verb"], w["objectRef"]["resource"]) for w in written} >= {
        ("patch", "deployments"),
        ("patch", "secrets"),
        ("delete", "configmaps"),
        ("delete", "deployments"),
        ("delete", "secrets"),
    }
    assert {(w.get("impersonatedUser") or {}).get("username") for w in written} == {account}


@pytest.mark.parametrize("by", ["pruning", "deleting"])
def test_dropping_the_account_gives_nobody_the_operators_right_to_delete(world: World, tenant: Tenant, by: str) -> None:
    other = f"{tenant.namespace}-foreign"
    world.create_namespace(other)
    there = Tenant(world, tenant.signer, other)
    there.kubectl("create", "secret", "generic", "precious", "--from-literal=a=b")
    tenant.kubectl("create", "secret", "generic", "own", "--from-literal=a=b")
    account = make_deployer(tenant, verbs=("get", "list", "watch", "patch"))
    adopted = [obj("v1", "Secret", "own"), {**obj("v1", "Secret", "precious", metadata={"namespace": other})}]
    tenant.put_app("app", adopted, serviceAccountName=account)
    tenant.wait_ready("app")

    if by == "pruning":
        tenant.put_app("app", [config_map("rest")])
        message = tenant.wait_reason("app", "PruneFailed")["message"]
        assert "Secret/precious" in message
        assert "Secret/own" in message
        assert "cannot delete" in message
        assert tenant.get("secrets", "own")
    else:
        tenant.kubectl("patch", "kotsapp", "app", "--type=json", "-p", DROP_ACCOUNT)
        tenant.kubectl("delete", "kotsapp", "app")
        assert "NotPruned" in tenant.events()
    assert there.get("secrets", "precious")


def test_what_an_account_adopted_stays_its_own_when_the_operator_changes_it(tenant: Tenant) -> None:
    tenant.kubectl("create", "configmap", "victim", "--from-literal=a=b")
    account = make_deployer(tenant, verbs=("get", "list", "watch", "patch"))
    tenant.put_app("app", [config_map("victim", a="1")], serviceAccountName=account)
    tenant.wait_ready("app")
    tenant.put_app("app", [config_map("victim", a="2")])
    until(lambda: tenant.get("configmaps", "victim")["data"] == {"a": "2"}, "it is changed by the operator's rights")
    tenant.wait_ready("app")

    tenant.put_app("app", [config_map("rest")])

    assert "ConfigMap/victim" in tenant.wait_reason("app", "PruneFailed")["message"]
    assert tenant.get("configmaps", "victim")

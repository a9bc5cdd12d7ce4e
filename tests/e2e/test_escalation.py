"""Whoever may only create KotsApps gains nothing by it: what they may not do, the operator doesn't do for them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.deployer import make_deployer
from harness.licenses import Signer
from harness.running import Operator
from harness.waiting import until
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
    "account-taken-over": Attempt(
        [obj("v1", "ServiceAccount", "powerful"), pod("mine", serviceAccountName="powerful")],
        ["ServiceAccount/powerful", "is there already"],
    ),
    "default-account-taken-over": Attempt(
        [obj("v1", "ServiceAccount", "default", imagePullSecrets=[{"name": "mine"}])],
        ["ServiceAccount/default", "is there already"],
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
    "definition": Attempt(
        [obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "kotsapps.kotsapp.dev")],
        ["CustomResourceDefinition/kotsapps.kotsapp.dev"],
    ),
    "persistent-volume": Attempt([obj("v1", "PersistentVolume", "disk")], ["PersistentVolume/disk"]),
}


def victims(tenant: Tenant) -> dict[str, str]:
    """Everything that is there and not the tenant's, by its resourceVersion."""
    found = {
        f"{plural}/{item['metadata']['name']}": item["metadata"]["uid"] + json.dumps(item.get("spec", item.get("data")))
        for plural in ("serviceaccounts", "secrets", "configmaps", "deployments")
        for item in tenant.all(plural)
    }
    there = tenant.world.api.get(f"/api/v1/namespaces/{ELSEWHERE}/configmaps/settings")
    return found | {"elsewhere": there["metadata"]["resourceVersion"]}


@pytest.fixture(scope="module")
def attempted(
    world: World, signer: Signer, shared_operator: Operator
) -> Iterator[tuple[Tenant, dict[str, str], dict[str, str]]]:
    """All attempts at once beside objects that somebody else made, and those objects before and after."""
    if not shared_operator.running:
        shared_operator.start()
    world.create_namespace(ELSEWHERE)
    tenant = Tenant.make(world, signer)
    tenant.kubectl("-n", ELSEWHERE, "create", "configmap", "settings", "--from-literal=a=b")
    tenant.kubectl("create", "serviceaccount", "powerful")
    tenant.kubectl("create", "secret", "generic", "credentials", "--from-literal=password=hunter2")
    victim = deployment("victim", PUBLIC, serviceAccountName="powerful", replicas=0)
    tenant.kubectl("create", "-f", "-", stdin=json.dumps(victim))
    until(lambda: tenant.get("configmaps", "kube-root-ca.crt"), "the namespace is furnished")
    before = victims(tenant)
    for name, attempt in ATTEMPTS.items():
        tenant.put_app(name, [config_map(f"beside-{name}"), *attempt.objects])
    judged = ("True", "False")
    until(lambda: all(tenant.condition(name).get("status") in judged for name in ATTEMPTS), "all attempts are judged")
    yield tenant, before, victims(tenant)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_escalation_is_refused_by_name(attempted: tuple[Tenant, dict[str, str], dict[str, str]], name: str) -> None:
    tenant, *_ = attempted
    ready = tenant.condition(name)

    assert ready["reason"] == "ObjectRefused", ready
    assert tenant.condition(name, "Stalled")["message"].startswith(ready["message"].partition(" ... ")[0])
    assert len(ready["message"]) <= 300
    for part in ATTEMPTS[name].named:
        assert part in ready["message"]


def test_no_attempt_changed_anything_nor_was_applied_in_part(
    attempted: tuple[Tenant, dict[str, str], dict[str, str]],
) -> None:
    _, before, after = attempted

    assert after == before


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
        told = json.dumps(tenant.app(name)["status"]) + json.dumps(tenant.all("events"))
        assert "hunter2" not in told
        assert "admin-of-all" not in told


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

    # Nobody has let the operator act as the account yet; the message is the command that does.
    message = tenant.wait_reason("app", "ImpersonationForbidden")["message"]
    command = message.partition("kubectl ")[2]
    assert "rolebinding" in command
    tenant.kubectl(*command.split())
    missing = tenant.wait_reason("app", "ServiceAccountNotFound")["message"]
    assert f"there is no ServiceAccount {tenant.namespace}/deployer" in missing
    tenant.kubectl("create", "serviceaccount", "deployer")
    refused = tenant.wait_reason("app", "ObjectRefused")["message"]
    assert f'User "{account}" cannot' in refused

    verbs = "get,list,watch,create,patch,delete"
    tenant.kubectl("create", "role", "deploy", f"--verb={verbs}", "--resource=deployments.apps,configmaps,secrets")
    tenant.kubectl("create", "rolebinding", "deploy", "--role=deploy", f"--serviceaccount={tenant.namespace}:deployer")
    tenant.wait_ready("app")

    # A kind that the operator's own rights would have made, and the account's do not.
    tenant.put_app("app", [*objects, obj("v1", "ServiceAccount", "extra")], serviceAccountName="deployer")
    assert "ServiceAccount/extra" in tenant.wait_reason("app", "ObjectRefused")["message"]
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

"""An account without rights is granted them by the command in the message, and by the least that is enough."""

from collections.abc import Sequence

import pytest

from kotsapp.apply.refusals import Refusal
from kotsapp.kube.objects import ObjectKey
from kotsapp.reconcile.app import App
from kotsapp.reconcile.granting import grant, make_account

USER = "system:serviceaccount:apps:deployer"
APP = App(namespace="apps", name="shop", uid="1", generation=1, spec={"serviceAccountName": "deployer"})
RBAC = "rbac.authorization.k8s.io/v1"
DEPLOYMENT = ObjectKey("apps/v1", "Deployment", "apps", "web")
SECRET = ObjectKey("v1", "Secret", "apps", "pull")
ROLE = ObjectKey(RBAC, "Role", "apps", "reader")
ELSEWHERE = ObjectKey("v1", "ConfigMap", "other", "settings")
CLUSTER_ROLE = ObjectKey(RBAC, "ClusterRole", "", "reader")


def lacking(key: ObjectKey) -> Refusal:
    message = f'it is forbidden: User "{USER}" cannot patch resource "x" in API group "y" in the namespace "apps"'
    return Refusal(key, message, transient=False)


def giving(key: ObjectKey) -> Refusal:
    message = f'it is forbidden: user "{USER}" (groups=["a" "b"]) is attempting to grant RBAC permissions not held'
    return Refusal(key, message, transient=False)


OF_NAMESPACE = (
    "kubectl create rolebinding deployer-{0} --namespace apps --clusterrole {0} --serviceaccount apps:deployer"
)
OF_CLUSTER = (
    "kubectl create clusterrolebinding apps-deployer --clusterrole cluster-admin --serviceaccount apps:deployer"
)


@pytest.mark.parametrize(
    ("refusals", "command"),
    [
        pytest.param([lacking(DEPLOYMENT)], OF_NAMESPACE.format("edit"), id="workloads"),
        pytest.param([lacking(DEPLOYMENT), lacking(SECRET)], OF_NAMESPACE.format("edit"), id="all of edit"),
        pytest.param([lacking(SECRET), lacking(ROLE)], OF_NAMESPACE.format("cluster-admin"), id="a role among them"),
        pytest.param([giving(ROLE)], OF_NAMESPACE.format("cluster-admin"), id="rights that it has not to give"),
        pytest.param(
            [lacking(ELSEWHERE)],
            "kubectl create rolebinding apps-deployer-edit --namespace other --clusterrole edit"
            " --serviceaccount apps:deployer",
            id="another namespace",
        ),
        pytest.param([lacking(DEPLOYMENT), lacking(ELSEWHERE)], OF_CLUSTER, id="two namespaces"),
        pytest.param([lacking(CLUSTER_ROLE)], OF_CLUSTER, id="of the cluster"),
    ],
)
def test_the_least_that_is_enough_is_told(refusals: Sequence[Refusal], command: str) -> None:
    assert grant(APP, refusals).endswith(command)


@pytest.mark.parametrize(
    "message",
    [
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostNetwork',
        'pods "x" is forbidden: exceeded quota: pods, requested: pods=1',
        'admission webhook "x" denied the request: no',
        "spec.replicas: Invalid value",
    ],
)
def test_no_right_is_told_where_none_is_missing(message: str) -> None:
    assert grant(APP, [Refusal(DEPLOYMENT, message, transient=False)]) == ""


def test_the_operators_own_rights_are_granted_by_nobodys_command() -> None:
    own = App(namespace="apps", name="shop", uid="1", generation=1, spec={})

    assert grant(own, [lacking(DEPLOYMENT)]) == ""


def test_the_shipped_account_is_made_with_its_rights_in_any_namespace_and_another_by_name() -> None:
    assert make_account("apps", "deployer") == "kubectl apply -k deploy/deployer/namespace"
    assert make_account("shop", "deployer") == (
        "kubectl kustomize deploy/deployer/namespace | sed s/apps/shop/ | kubectl apply -f -"
    )
    assert make_account("shop", "runner") == "kubectl create serviceaccount runner --namespace shop"

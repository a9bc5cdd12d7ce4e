"""An account for ``spec.serviceAccountName``, with the rights it needs and the operator allowed to act as it."""

from collections.abc import Sequence

from harness.apps import Object, Tenant
from harness.running import ACCOUNT
from harness.waiting import until
from localworld.world import World

NAME = "deployer"
VERBS = ("get", "list", "watch", "create", "patch", "delete")
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def make_deployer(tenant: Tenant, *, verbs: Sequence[str] = VERBS, everywhere: bool = True) -> str:
    """ServiceAccount ``deployer`` with these verbs for everything, in the whole cluster or in the tenant's namespace
    alone; returns its name.

    The default leaves out ``bind`` and ``escalate``, as for an account that gives nobody more than it has.
    """
    world, namespace = tenant.world, tenant.namespace
    role = f"{namespace}-deployer"
    world.api.create(tenant.path("serviceaccounts"), {"metadata": {"name": NAME}})
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": list(verbs)}]
    world.api.create(f"{_RBAC}/clusterroles", {"metadata": {"name": role}, "rules": rules})
    bindings = f"{_RBAC}/namespaces/{namespace}/rolebindings"
    _bind(world, f"{_RBAC}/clusterrolebindings" if everywhere else bindings, role, role, (namespace, NAME))
    _bind(world, bindings, "impersonate", "kotsapp-operator-impersonate", ACCOUNT)
    _wait_until(world, ACCOUNT, _impersonation(namespace))
    _wait_until(world, (namespace, NAME), {"namespace": namespace, "verb": verbs[0], "resource": "configmaps"})
    return NAME


def wait_until_it_may_not_impersonate(tenant: Tenant) -> None:
    """After the binding for it was deleted."""
    _wait_until(tenant.world, ACCOUNT, _impersonation(tenant.namespace), allowed=False)


def _impersonation(namespace: str) -> Object:
    return {"namespace": namespace, "verb": "impersonate", "resource": "serviceaccounts", "name": NAME}


def _bind(world: World, collection: str, name: str, role: str, account: tuple[str, str]) -> None:
    world.api.create(
        collection,
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}],
        },
    )


def _wait_until(world: World, account: tuple[str, str], attributes: Object, *, allowed: bool = True) -> None:
    """The API server's authorizer follows bindings by a watch of its own."""
    user = f"system:serviceaccount:{account[0]}:{account[1]}"
    review = {"spec": {"user": user, "resourceAttributes": attributes}}

    def so_it_is() -> bool:
        answer = world.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"].get("allowed")) == allowed

    until(so_it_is, f"that {user} may {attributes['verb']} is {allowed}", 10)

"""What an administrator runs to grant an app the rights that it lacks. Pure."""

import re
from collections.abc import Sequence

from kotsapp.apply.lending import is_of_edit
from kotsapp.apply.policy import Withheld
from kotsapp.apply.refusals import Refusal
from kotsapp.reconcile.app import App

# As RBAC says it, for a request and for rights that are to be given to somebody. Quotas and policies are no rights.
_LACKS = re.compile(r'[Uu]ser "[^"]*" (?:cannot |\([^)]*\) is attempting to grant RBAC permissions)')

# The namespace and the account that the folders under deploy/deployer name.
_SHIPPED_NAMESPACE, _SHIPPED_ACCOUNT = "apps", "deployer"
_LEND = "helm upgrade kotsapp-operator deploy/chart -n kotsapp-system --reset-then-reuse-values --set lend=edit"


def ways_out(namespace: str, withheld: Sequence[Withheld]) -> str:
    """What has objects applied to which the operator's own rights are not lent, as the end of a message: an account,
    and where that is enough for all of them, to lend more (docs/rights.md). Empty for no objects.

    The account comes last: it is what Ready says where there is no room for both.
    """
    if not withheld:
        return ""
    command = _deployer(
        namespace, "cluster" if any(item.key.namespace != namespace for item in withheld) else "namespace"
    )
    account = f"give this app an account: {command}, and set spec.serviceAccountName: {_SHIPPED_ACCOUNT}"
    if all(item.lendable for item in withheld):
        return f"; lend more to every app (--lend edit): {_LEND}; or {account}"
    return f"; {account}"


def make_account(namespace: str, name: str) -> str:
    """The command that makes an account of this name; with its rights where it is the one that is shipped."""
    if name == _SHIPPED_ACCOUNT:
        return _deployer(namespace, "namespace")
    return f"kubectl create serviceaccount {name} --namespace {namespace}"


def _deployer(namespace: str, folder: str) -> str:
    if namespace == _SHIPPED_NAMESPACE:
        return f"kubectl apply -k deploy/deployer/{folder}"
    edited = f"sed s/{_SHIPPED_NAMESPACE}/{namespace}/"
    return f"kubectl kustomize deploy/deployer/{folder} | {edited} | kubectl apply -f -"


def grant(app: App, refusals: Sequence[Refusal]) -> str:
    """The command, as the end of a message; empty where nothing was refused for want of a right, or there is no
    account.

    The least of the roles that every cluster has which is enough for all that was refused: ``edit`` of the namespace,
    everything there, or everything.
    """
    lacking = [refusal for refusal in refusals if _LACKS.search(refusal.message)]
    if not app.account or not lacking:
        return ""
    account = f"--serviceaccount {app.namespace}:{app.account}"
    namespaces = {refusal.key.namespace for refusal in lacking}
    namespace = namespaces.pop()
    if namespaces or not namespace:
        name = f"{app.namespace}-{app.account}"
        return (
            f"; to let it do everything: kubectl create clusterrolebinding {name} --clusterrole cluster-admin {account}"
        )
    enough = all(is_of_edit(refusal.key) and " is attempting to grant " not in refusal.message for refusal in lacking)
    what, role = ("edit", "edit") if enough else ("do everything", "cluster-admin")
    name = f"{app.account}-{role}" if namespace == app.namespace else f"{app.namespace}-{app.account}-{role}"
    command = f"kubectl create rolebinding {name} --namespace {namespace} --clusterrole {role} {account}"
    return f"; to let it {what} there: {command}"

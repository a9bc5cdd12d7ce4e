"""As whom an app's objects are written: the operator itself, or the account that spec.serviceAccountName names."""

from kotsapp.api.conditions import WORKLOADS_APPLIED, Condition, Reason
from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.granting import make_account
from kotsapp.reconcile.outcome import UNWATCHED_POLL, terminal
from kotsapp.reconcile.services import Services

# The ClusterRole that is shipped for this, bound to nobody.
IMPERSONATE_ROLE = "kotsapp-operator-impersonate"
_ACCOUNT_PREFIX = "system:serviceaccount:"


def client_of(app: App, account: str, services: Services) -> KubeClient:
    """The client that writes as an account of the app's namespace; as the operator for an empty name."""
    if not account:
        return services.client
    return services.client.impersonating(f"{_ACCOUNT_PREFIX}{app.namespace}:{account}")


async def check_impersonation(app: App, account: str, services: Services) -> None:
    """Raises ReconcileError when the account isn't there, which is reported first, since a right to act as nobody helps
    nobody; or when the operator may not act as it, naming the RoleBinding that lets it."""
    await _check_there(app, account, services.client)
    if await _may_impersonate(services.client, app.namespace, account):
        return
    message = (
        f"{app.account_named}: the operator may not act as ServiceAccount {app.namespace}/{account}; an"
        f" administrator lets it with: kubectl create rolebinding {IMPERSONATE_ROLE} --namespace {app.namespace}"
        f" --clusterrole {IMPERSONATE_ROLE} {await _subject(services.client)}"
    )
    condition = Condition.false(WORKLOADS_APPLIED, Reason.IMPERSONATION_FORBIDDEN, message)
    raise terminal(Reason.IMPERSONATION_FORBIDDEN, message, condition, retry_after=UNWATCHED_POLL)


async def _check_there(app: App, account: str, client: KubeClient) -> None:
    """Raises ReconcileError for an account that is not there: RBAC would only say what it may not do."""
    kind = await client.resource_type("v1", "ServiceAccount")
    if await client.get(kind, account, app.namespace, metadata_only=True) is not None:
        return
    message = (
        f"{app.account_named}: there is no ServiceAccount {app.namespace}/{account}; fix the name, or make it"
        f" (docs/rights.md says which rights it needs): {make_account(app.namespace, account)}"
    )
    condition = Condition.false(WORKLOADS_APPLIED, Reason.SERVICE_ACCOUNT_NOT_FOUND, message)
    raise terminal(Reason.SERVICE_ACCOUNT_NOT_FOUND, message, condition, retry_after=UNWATCHED_POLL)


async def _may_impersonate(client: KubeClient, namespace: str, account: str) -> bool:
    wanted = {"namespace": namespace, "verb": "impersonate", "resource": "serviceaccounts", "name": account}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    answer = await client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool((answer.get("status") or {}).get("allowed"))


async def _subject(client: KubeClient) -> str:
    """The operator as a flag of ``kubectl create rolebinding``."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        user = str(answer["status"]["userInfo"]["username"])
    except (ApiError, KeyError):  # API servers before 1.28 have no such review
        return "--serviceaccount <namespace>:<the operator's account>"
    if user.startswith(_ACCOUNT_PREFIX):
        return f"--serviceaccount {user.removeprefix(_ACCOUNT_PREFIX)}"
    return f"--user {user}"

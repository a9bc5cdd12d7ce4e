"""As whom an app's objects are written: the operator itself, or the account that spec.serviceAccountName names."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing can be done as an account; ``mend`` says what to do, and ends with ``command``."""

    reason: Reason
    problem: str
    mend: str
    command: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.mend}: {self.command}"


async def check_impersonation(app: App, account: str, services: Services) -> None:
    """Raises ReconcileError where there is an obstacle."""
    found = await obstacle(app, account, services)
    if found is None:
        return
    message = f"{app.account_named}: {found}"
    condition = Condition.false(WORKLOADS_APPLIED, found.reason, message)
    raise terminal(found.reason, message, condition, retry_after=UNWATCHED_POLL)


async def obstacle(app: App, account: str, services: Services) -> Obstacle | None:
    """The account isn't there, which is told first, since a right to act as nobody helps nobody, and RBAC would only
    say what it may not do; or the operator may not act as it. Raises ApiError."""
    client = services.client
    kind = await client.resource_type("v1", "ServiceAccount")
    if await client.get(kind, account, app.namespace, metadata_only=True) is None:
        return Obstacle(
            Reason.SERVICE_ACCOUNT_NOT_FOUND,
            f"there is no ServiceAccount {app.namespace}/{account}",
            "fix the name, or make it (docs/rights.md says which rights it needs)",
            make_account(app.namespace, account),
        )
    if await _may_impersonate(client, app.namespace, account):
        return None
    return Obstacle(
        Reason.IMPERSONATION_FORBIDDEN,
        f"the operator may not act as ServiceAccount {app.namespace}/{account}",
        "an administrator lets it with",
        f"kubectl create rolebinding {IMPERSONATE_ROLE} --namespace {app.namespace}"
        f" --clusterrole {IMPERSONATE_ROLE} {await _subject(client)}",
    )


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

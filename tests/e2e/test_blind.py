"""With an account that may neither list nor watch, what is live is read, and nothing is guessed."""

from harness.apps import Tenant, config_map
from harness.deployer import make_deployer
from harness.objects import job
from harness.running import Operator
from harness.waiting import stays, until
from localworld.api import ApiError

BLIND = ("get", "create", "patch", "delete")


def look(tenant: Tenant, at: str) -> None:
    """Make the operator look at the app now."""
    tenant.kubectl("annotate", "--overwrite", "kotsapp", "app", f"kotsapp.dev/requestedAt={at}")
    until(lambda: tenant.status("app").get("lastHandledRequestedAt") == at, "it has looked")


def test_a_hook_that_has_run_lets_the_rest_be_applied(tenant: Tenant) -> None:
    account = make_deployer(tenant, verbs=BLIND)
    made = job("migrate")
    hook = {**made, "metadata": {**made["metadata"], "annotations": {"helm.sh/hook": "pre-install"}}}
    tenant.put_app("app", [hook, config_map("after")], serviceAccountName=account)

    tenant.wait_ready("app")
    assert tenant.get("configmaps", "after")


def test_a_job_whose_time_to_live_is_over_is_not_run_again(tenant: Tenant) -> None:
    account = make_deployer(tenant, verbs=BLIND)
    manifest = [job("migrate", ttlSecondsAfterFinished=4), config_map("settings")]
    tenant.put_app("app", manifest, serviceAccountName=account)
    tenant.wait_ready("app")
    until(lambda: not tenant.get("jobs", "migrate"), "it has removed itself")

    look(tenant, "1")
    look(tenant, "2")
    stays(lambda: not tenant.get("jobs", "migrate"), "it is not made again", 1.0)


def test_another_app_does_not_get_the_firsts_object_after_a_restart(tenant: Tenant, operator: Operator) -> None:
    account = make_deployer(tenant, verbs=BLIND)
    tenant.put_app("app", [config_map("shared", whose="first")], serviceAccountName=account)
    tenant.wait_ready("app")
    operator.stop()
    tenant.put_app("second", [config_map("shared", whose="second")], serviceAccountName=account)
    operator.start()

    tenant.wait_reason("second", "ObjectClaimed")
    look(tenant, "1")
    tenant.wait_ready("app")
    assert tenant.get("configmaps", "shared")["data"] == {"whose": "first"}


def test_a_version_that_is_served_no_more_hides_no_object(tenant: Tenant) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}

    def version(name: str, *, served: bool = True) -> dict[str, object]:
        return {"name": name, "served": served, "storage": name == "v1", "schema": schema}

    def definition(*, beta: bool) -> dict[str, object]:
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "foos.unserved.invalid"},
            "spec": {
                "group": "unserved.invalid",
                "scope": "Namespaced",
                "names": {"plural": "foos", "singular": "foo", "kind": "Foo"},
                "versions": [version("v1"), version("v1beta1", served=beta)],
            },
        }

    api = tenant.world.api
    api.apply(f"{definitions}/foos.unserved.invalid", definition(beta=True))
    tenant.world.kubectl("wait", "--for=condition=Established", "crd/foos.unserved.invalid")
    foo = {"apiVersion": "unserved.invalid/v1beta1", "kind": "Foo", "metadata": {"name": "one"}, "spec": {"a": 1}}
    account = make_deployer(tenant)
    tenant.put_app("app", [foo, config_map("settings")], serviceAccountName=account)
    tenant.wait_ready("app")

    api.apply(f"{definitions}/foos.unserved.invalid", definition(beta=False))
    path = f"/apis/unserved.invalid/v1/namespaces/{tenant.namespace}/foos"
    beta = path.replace("/v1/", "/v1beta1/")
    until(lambda: not _served(tenant, beta), "the old version is served no more")
    tenant.put_app("app", [config_map("settings")], serviceAccountName=account)

    until(lambda: not api.get(path)["items"], "the object is pruned all the same")


def _served(tenant: Tenant, path: str) -> bool:
    try:
        tenant.world.api.get(path)
    except ApiError as error:
        return error.status != 404
    return True

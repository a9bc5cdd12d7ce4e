"""A namespace that is deleted takes its RoleBindings first: its apps must go all the same (docs/rights.md)."""

from harness.cluster import NAMESPACE, config_map
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.names import KIND


def without_rights_in_the_namespace(operator: Operator) -> None:
    """What the two rights for the whole cluster leave: ``patch`` of KotsApps, ``get`` of namespaces.

    ``get`` of KotsApps stays, too: the finalizer is Kopf's to take with ``patch`` alone, and there is no Kopf here.
    """
    for resource in ("configmaps", "secrets", "events"):
        operator.api.rights.deny(resource=resource, namespace=NAMESPACE)
    for verb in ("list", "watch"):
        operator.api.rights.deny(verb=verb, resource="kotsapps", namespace=NAMESPACE)


@in_virtual_time
async def test_what_the_operator_may_no_longer_delete_goes_with_the_namespace(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        without_rights_in_the_namespace(operator)

        operator.api.delete("Namespace", NAMESPACE)

        await until(lambda: operator.api.get("Namespace", NAMESPACE) is None)


@in_virtual_time
async def test_in_a_namespace_that_stays_nothing_is_left_for_want_of_a_right(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        denial = operator.api.rights.deny(verb="delete", resource="configmaps")

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await quiet(300)
        assert operator.api.get(KIND, "my-app", NAMESPACE)

        operator.api.rights.allow(denial)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)
        assert operator.api.get("ConfigMap", "settings", NAMESPACE) is None

"""The end of an app, by the operator's own workers on a fake cluster."""

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, job, obj
from harness.inprocess import PRIVATE, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.names import FINALIZER, KIND, PRUNE_ANNOTATION

PULL_SECRET = "my-kots-app-registry"


@in_virtual_time
async def test_what_was_applied_goes_with_the_app_but_for_what_is_to_stay(signer: Signer) -> None:
    kept = config_map("kept")
    kept["metadata"]["annotations"] = {PRUNE_ANNOTATION: "disabled"}
    claim = obj("PersistentVolumeClaim", "data", spec={"accessModes": ["ReadWriteOnce"]})
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        operator.put_app(config_map(a="1"), kept, claim, deployment(image=PRIVATE), wait=False)
        await operator.until_ready()

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)

        assert operator.data() is None
        assert operator.api.get("Deployment", "shop", NAMESPACE) is None
        assert operator.api.get("Secret", PULL_SECRET, NAMESPACE) is None
        assert operator.api.get("ConfigMap", "kept", NAMESPACE)
        assert operator.api.get("PersistentVolumeClaim", "data", NAMESPACE)


@in_virtual_time
async def test_an_app_that_can_not_be_cleaned_up_says_so_and_goes_when_it_can(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.api.without_garbage_collector()
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        denial = operator.api.rights.deny(verb="delete", resource="configmaps")

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await operator.until_reason("CleanupFailed")
        assert "kubectl patch kotsapp my-app" in operator.message()

        operator.api.rights.allow(denial)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)
        assert operator.data() is None


@in_virtual_time
async def test_nothing_is_applied_for_an_app_that_could_go_without_a_clean_up(signer: Signer) -> None:
    """Where Kopf doesn't set the finalizer, the worker does after a while."""
    async with operating(signer) as operator:
        operator.sets_finalizers = False
        operator.put_app(config_map(a="1"))
        await quiet(5)
        assert operator.data() is None

        await operator.until_ready()
        assert FINALIZER in operator.api.live(KIND, "my-app", NAMESPACE)["metadata"]["finalizers"]


@pytest.mark.parametrize("notices", [True, False], ids=["its end was seen", "its end was missed"])
@in_virtual_time
async def test_a_successor_of_the_same_name_starts_from_nothing(signer: Signer, notices: bool) -> None:
    async with operating(signer) as operator:
        operator.notices_deletions = notices
        operator.put_app(config_map(a="1"), config_map("old"))
        await operator.until_ready()
        operator.api.delete(KIND, "my-app", NAMESPACE)
        await until(lambda: operator.api.get(KIND, "my-app", NAMESPACE) is None)

        operator.put_app(config_map(a="2"))

        await operator.until_ready()
        assert [entry["name"] for entry in operator.status()["inventory"]] == ["settings"]


@in_virtual_time
async def test_in_a_namespace_that_goes_the_app_goes_too(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"), job(), wait=False)
        await operator.until_ready()

        operator.api.delete("Namespace", NAMESPACE)

        await until(lambda: operator.api.get("Namespace", NAMESPACE) is None)

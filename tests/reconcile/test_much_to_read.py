"""What an app names may be far more than it says, and is counted while it is read (DESIGN 6.6)."""

import base64

import pytest

from harness.cluster import NAMESPACE, config_map, fake_cluster, obj
from harness.fakekube import FakeApi, connect
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time
from kotsapp.names import API_VERSION, KIND
from kotsapp.reconcile import release_store
from kotsapp.reconcile.app import App
from kotsapp.reconcile.release_store import Revision
from kotsapp.release.store import (
    RELEASE_LABEL,
    REVISION_LABEL,
    SECRET_TYPE,
    Packed,
    StoredRelease,
    StoredReleaseError,
)

MIB = 1024 * 1024
# Of the operator's own budget for one app.
MOST = 16
# Read before it began anew, with a share in which there is room for more.
BEGUN = 1


def put_secret(operator: Operator, name: str, key: str, data: bytes) -> None:
    held = {key: base64.b64encode(data).decode()}
    operator.api.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": held}
    )


def reads(operator: Operator, name: str) -> int:
    return [str(record) for record in operator.api.audit].count(f"get Secret/{name}")


@in_virtual_time
async def test_sources_of_one_object_named_often_are_given_up_at_the_bound(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_secret(operator, "big", "a.yaml", b"# " + b"x" * (MIB - 2))
        operator.put_app(manifests=[{"secretRef": {"name": "big"}}] * 64)
        await operator.until_reason("InvalidManifest")

        assert "Secret big, key a.yaml: is more than 16 MiB, counted over all that the app brings" in operator.message()
        assert reads(operator, "big") == BEGUN + MOST + 1


@in_virtual_time
async def test_values_and_answers_are_counted_with_the_sources(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_secret(operator, "big", "values.yaml", b"# " + b"x" * (MIB - 2))
        ref = {"secretRef": {"name": "big", "key": "values.yaml"}}
        charts = [{**ref, "chart": {"releaseName": f"c{number}", "valuesFrom": [ref] * 4}} for number in range(3)]
        operator.put_app(manifests=charts, config={"valuesFrom": [ref] * 64})
        await operator.until_reason("ConfigIncomplete")

        assert "counted over all that the app brings" in operator.message()
        assert reads(operator, "big") == BEGUN + MOST + 1


@in_virtual_time
async def test_answers_are_bounded_since_they_are_read_in_the_operator(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_secret(operator, "answers", "values.yaml", b"a: [" + b"[]," * 300_000 + b"]")
        operator.put_app(
            config_map(), config={"valuesFrom": [{"secretRef": {"name": "answers", "key": "values.yaml"}}]}
        )
        await operator.until_reason("ConfigIncomplete")

        assert "has more than 20000 values" in operator.message()


@pytest.mark.asyncio
async def test_what_is_only_labelled_as_a_stored_release_is_not_read() -> None:
    api = fake_cluster()
    spec = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"inline": "a"}]}
    app = App.of(api.put(obj(KIND, "my-app", API_VERSION, spec=spec)))
    for number in range(40):
        labels = {RELEASE_LABEL: app.name, REVISION_LABEL: str(number)}
        metadata = {"labels": labels, "ownerReferences": [app.owner_reference]}
        api.put(obj("Secret", f"junk-{number}", metadata=metadata, type=SECRET_TYPE))

    with pytest.raises(StoredReleaseError, match=r"Secret my-app\.release\.v38 is missing"):
        await release_store.load(app, await _newest(app, api), connect(api), _never)

    assert [record for record in map(str, api.audit) if "junk-" in record] == []


async def _newest(app: App, api: FakeApi) -> Revision:
    found = await release_store.newest(app, connect(api))
    assert found is not None
    return found


async def _never(_: Packed) -> StoredRelease:
    raise AssertionError("nothing there is a stored release")

"""What the operator's own rights are lent to."""

from typing import Any

import pytest

from kotsapp.apply.lending import Lent, Loan
from kotsapp.apply.policy import misleading, refusal

LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "app"}


def obj(kind: str = "ConfigMap", api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "it", "namespace": "apps", **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


@pytest.mark.parametrize(
    ("target", "pods", "named"),
    [
        pytest.param(obj(), [], None, id="a permitted kind"),
        pytest.param(obj("Deployment", "apps/v1"), [], None, id="a permitted kind of another group"),
        pytest.param(obj("Deployment", "example.com/v1"), [], "Deployment/it: not applied", id="another group"),
        pytest.param(
            obj("ClusterRole", "rbac.authorization.k8s.io/v1"), [], "ClusterRole/it: not applied", id="another kind"
        ),
        pytest.param(obj(metadata={"namespace": "other"}), [], "namespace other", id="another namespace"),
        pytest.param(
            obj("Secret", type="kubernetes.io/service-account-token"), [], "another account's token", id="a token"
        ),
        pytest.param(obj("Secret", type="Opaque"), [], None, id="a secret"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "default"}], None, id="the default account"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "own"}], None, id="an account that comes along"),
        pytest.param(obj("Pod"), [{"serviceAccountName": "root"}], "root", id="another account"),
        pytest.param(obj("Pod"), [{"serviceAccount": "root"}], "root", id="another account by the old field"),
        pytest.param(obj("Job", "batch/v1"), [{}, {"serviceAccountName": "root"}], "root", id="in one of many"),
    ],
)
def test_rights_are_lent_inside_their_bounds(target: dict[str, Any], pods: list[Any], named: str | None) -> None:
    loan = Loan.to([obj("ServiceAccount", metadata={"name": "own"})], Lent.EDIT)

    found = refusal(target, pods, "apps", loan)

    assert (found is None) == (named is None)
    if named is not None:
        assert named in str(found)


@pytest.mark.parametrize(
    ("target", "named"),
    [
        pytest.param(obj(), None, id="fine"),
        pytest.param(obj(metadata={"labels": LABELS}), None, id="own labels"),
        pytest.param(obj(metadata={"name": "", "generateName": "job-"}), "ConfigMap/job-*", id="no name of its own"),
        pytest.param(obj(metadata={"name": ""}), "metadata.name", id="no name"),
        pytest.param(obj(metadata={"name": "../x"}), "metadata.name", id="a path"),
        pytest.param(obj(metadata={"ownerReferences": [{"uid": "1"}]}), "ownerReferences", id="an owner"),
        pytest.param(
            obj(metadata={"labels": {"kotsapp.dev/name": "b"}}), "name another KotsApp", id="somebody else's label"
        ),
    ],
)
def test_an_object_that_would_pass_for_another_is_refused(target: dict[str, Any], named: str | None) -> None:
    found = misleading(target, LABELS)

    assert (found is None) == (named is None)
    assert named is None or named in str(found)

"""Refused objects in one message: grouped by reason, with where each that is named stands."""

import pytest

from kotsapp.apply.refusals import Refusal, RefusedError
from kotsapp.kube.objects import ObjectKey

WEB = ObjectKey("apps/v1", "Deployment", "apps", "web")
PLACE = "ConfigMap release, key app.yaml, document 2"


def refused(message: str, *keys: ObjectKey) -> RefusedError:
    return RefusedError([Refusal(key, message, transient=False) for key in keys])


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        pytest.param(refused("no such field", WEB), f"Deployment/web: no such field ({PLACE})", id="one"),
        pytest.param(
            refused("missing; create it: kubectl create namespace b", WEB),
            "Deployment/web: missing; create it: kubectl create namespace b",
            id="a command is the last",
        ),
        pytest.param(
            refused("no", WEB, *(ObjectKey("apps/v1", "Deployment", "apps", f"d{n}") for n in range(3))),
            "4 Deployments (web, d0, d1 and 1 more): no",
            id="many, of which no single place is told",
        ),
        pytest.param(refused("no", ObjectKey("v1", "Secret", "apps", "made")), "Secret/made: no", id="in no manifest"),
    ],
)
def test_where_a_refused_object_stands(error: RefusedError, reported: str) -> None:
    assert error.message({WEB: PLACE}) == reported

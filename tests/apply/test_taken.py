"""An exclusive object, the pull secret, is written over only where it is the app's own."""

from copy import deepcopy
from typing import Any

import pytest

from kotsapp.apply.inventory import Marks
from kotsapp.apply.ownership import taken
from kotsapp.images.routing import Domains
from kotsapp.pullsecret import pull_secret

LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "my-app"}
MANAGER = "kotsapp"
MARKS = Marks(LABELS, "uid-1", "kotsapp.dev/prune", MANAGER)
DESIRED = pull_secret("my-app-registry", "apps", "abc", Domains(), LABELS)


def live(**metadata: Any) -> dict[str, Any]:
    """Our Secret as the API server shows it, ``metadata`` replaced."""
    secret = deepcopy(DESIRED)
    applied = [{"manager": MANAGER, "operation": "Apply"}]
    secret["metadata"] |= {"uid": "1", "resourceVersion": "5", "managedFields": applied} | metadata
    return secret


def by(manager: str) -> list[dict[str, str]]:
    return [{"manager": manager, "operation": "Update"}]


@pytest.mark.parametrize(
    "present",
    [
        None,
        live(),
        live(managedFields=None),
        live(labels=LABELS | {"team": "blue"}, annotations={"x": "y"}),
        live() | {"data": {**DESIRED["data"], "other": "eA=="}},
        live() | {"immutable": True},
        live() | {"data": {".dockerconfigjson": "e30="}},
        live() | {"data": None},
        live(labels={}),
        live(labels=None),
    ],
)
def test_our_own_secret_may_be_written_over(present: dict[str, Any] | None) -> None:
    assert taken(present, DESIRED, MARKS) is None


@pytest.mark.parametrize(
    ("present", "whose"),
    [
        (
            live(labels=LABELS | {"kotsapp.dev/name": "another-app"}),
            r"of type kubernetes.io/dockerconfigjson belongs to somebody else (kotsapp.dev/name=another-app)",
        ),
        (live(labels={}, managedFields=by("kubectl-create")), "is there already and belongs to kubectl-create"),
        (live(labels=None, managedFields=None), "belongs to an unknown owner"),
        (
            live(labels={"app.kubernetes.io/managed-by": "Helm"}, managedFields=by("helm")),
            "is there already and belongs to Helm",
        ),
        (
            live(labels={}, managedFields=by("x"), ownerReferences=[{"kind": "SealedSecret", "name": "pull"}]),
            "belongs to SealedSecret pull",
        ),
        (
            live(labels={}, managedFields=by("kubectl")) | {"type": "Opaque"},
            "of type Opaque is there already and belongs to kubectl",
        ),
        (live() | {"type": "Opaque"}, "of type Opaque can't be changed to type kubernetes.io/dockerconfigjson"),
        (live() | {"immutable": True, "data": {".dockerconfigjson": "e30="}}, "is immutable and holds something else"),
    ],
)
def test_somebody_elses_secret_is_named_and_left_alone(present: dict[str, Any], whose: str) -> None:
    message = taken(present, DESIRED, MARKS)
    assert message is not None
    assert message.startswith("Secret apps/my-app-registry of type ")
    assert whose in message


def test_a_clash_shows_nothing_of_what_the_secrets_hold() -> None:
    present = live() | {"type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    message = taken(present, DESIRED, MARKS)
    assert message is not None
    assert "aHVudGVyMg" not in message
    assert DESIRED["data"][".dockerconfigjson"] not in message


def test_without_labels_only_the_field_manager_tells_whose_it_is() -> None:
    unmarked = pull_secret("my-app-registry", "apps", "abc", Domains(), {})
    foreign = deepcopy(unmarked)
    nobodys = Marks({}, "uid-1", "kotsapp.dev/prune", MANAGER)
    assert taken(foreign, unmarked, nobodys) is not None
    foreign["metadata"]["managedFields"] = by(MANAGER)
    assert taken(foreign, unmarked, nobodys) is None

"""What is never deleted, whatever the inventory says, and the inventory itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.inventory import Entry, Inventory, Marks, other_owners, spared
from kotsapp.kube.objects import ObjectKey

LABELS = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "app"}
MARKS = Marks(LABELS, "uid-1", "kotsapp.dev/prune", "kotsapp")
CONFIG_MAP = ObjectKey("v1", "ConfigMap", "apps", "settings")


def live(labels: Any = LABELS, managers: tuple[str, ...] = ("kotsapp",), **metadata: Any) -> dict[str, Any]:
    entries = [{"manager": manager, "operation": "Apply"} for manager in managers]
    return {"metadata": {"labels": labels, "managedFields": entries, **metadata}}


def owned_by(uid: str, *, controller: bool) -> list[dict[str, Any]]:
    return [{"kind": "Widget", "name": "w", "uid": uid, "controller": controller}]


@pytest.mark.parametrize(
    ("key", "obj", "reason"),
    [
        pytest.param(CONFIG_MAP, live(), None, id="ours"),
        pytest.param(CONFIG_MAP, live(labels=None), None, id="labels taken off"),
        pytest.param(CONFIG_MAP, live(managers=("kubectl",)), None, id="labels are enough"),
        pytest.param(CONFIG_MAP, live(labels=None, managers=("kubectl",)), "made anew", id="made anew by a person"),
        pytest.param(CONFIG_MAP, live(labels=LABELS | {"kotsapp.dev/name": "b"}), "another KotsApp", id="handed over"),
        pytest.param(
            CONFIG_MAP, live(annotations={"kotsapp.dev/prune": "disabled"}), "kotsapp.dev/prune", id="annotated"
        ),
        pytest.param(CONFIG_MAP, live(annotations={"kotsapp.dev/prune": "enabled"}), None, id="annotated otherwise"),
        pytest.param(
            CONFIG_MAP, live(annotations={"helm.sh/resource-policy": "keep"}), "helm.sh/resource-policy", id="Helm's"
        ),
        pytest.param(
            CONFIG_MAP, live(annotations={"helm.sh/resource-policy": " Keep "}), "helm.sh/resource-policy", id="as Helm"
        ),
        pytest.param(CONFIG_MAP, live(annotations={"helm.sh/resource-policy": "delete"}), None, id="Helm's, otherwise"),
        pytest.param(CONFIG_MAP, live(annotations=None), None, id="no annotations"),
        pytest.param(
            CONFIG_MAP, live(ownerReferences=owned_by("w-1", controller=True)), "Widget w", id="a controller's"
        ),
        pytest.param(CONFIG_MAP, live(ownerReferences=owned_by("w-1", controller=False)), None, id="owned in part"),
        pytest.param(CONFIG_MAP, live(ownerReferences=owned_by("uid-1", controller=True)), None, id="owned by us"),
        pytest.param(ObjectKey("v1", "PersistentVolumeClaim", "apps", "d"), live(), "never pruned", id="claim"),
        pytest.param(ObjectKey("v1", "Namespace", "", "n"), live(), "never pruned", id="namespace"),
        pytest.param(
            ObjectKey("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "w"), live(), "never pruned", id="crd"
        ),
        pytest.param(ObjectKey("example.com/v1", "Namespace", "apps", "n"), live(), None, id="another group's kind"),
    ],
)
def test_what_is_spared(key: ObjectKey, obj: dict[str, Any], reason: str | None) -> None:
    found = spared(obj, key, MARKS)

    assert (found is None) == (reason is None)
    assert reason is None or reason in str(found)


def test_letting_go_of_an_object_takes_the_app_from_its_owners_and_no_other() -> None:
    ours, other = {"kind": "KotsApp", "uid": "uid-1"}, {"kind": "Widget", "uid": "w-1"}

    assert other_owners(live(ownerReferences=[ours, other]), MARKS) == [other]
    assert other_owners(live(ownerReferences=[other]), MARKS) is None
    assert other_owners(live(), MARKS) is None


NAMES = st.text("abc-", min_size=1, max_size=5)
KEYS = st.builds(
    ObjectKey, st.sampled_from(["v1", "apps/v1", "apps/v1beta1"]), NAMES, st.one_of(st.just(""), NAMES), NAMES
)
ENTRIES = st.lists(st.builds(Entry, KEYS, NAMES, NAMES))


@given(ENTRIES)
def test_an_inventory_survives_the_status(entries: list[Entry]) -> None:
    inventory = Inventory.of(entries)

    assert Inventory.from_status(inventory.to_status()) == inventory


@given(ENTRIES, st.lists(KEYS))
def test_what_is_left_over_is_wanted_in_no_version(entries: list[Entry], wanted: list[ObjectKey]) -> None:
    left = Inventory.of(entries).left_over(wanted)

    identities = {key.identity for key in wanted}
    assert not any(entry.key.identity in identities for entry in left)
    assert {e.key.identity for e in entries} - identities == {e.key.identity for e in left}

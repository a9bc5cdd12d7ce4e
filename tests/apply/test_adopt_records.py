"""Moving fields between the managers of an object, as its metadata.managedFields has them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.apply.adopt import Adoption, let_go, lists_of, taken_over, without_entries
from kotsapp.apply.managed_fields import split, union
from kotsapp.images.image_path import parse_steps
from kotsapp.kube.errors import ApiError, Cause

ITEM = {".": {}, "f:name": {}, "f:image": {}}
CONTAINERS = {'k:{"name":"main"}': ITEM, 'k:{"name":"sidecar"}': ITEM}
PODS = {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": CONTAINERS}}}}


def record(manager: str, fields: Any, operation: str = "Update", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields, **more}


def ours(records: list[Any]) -> Any:
    return next(r["fieldsV1"] for r in records if (r["manager"], r["operation"]) == ("kotsapp", "Apply"))


# -- taking over


def test_all_that_others_applied_becomes_ours() -> None:
    moved = taken_over(
        [record("kubectl-client-side-apply", PODS), record("me", {"f:data": {}})], {"kubectl-client-side-apply"}
    )

    assert [r["manager"] for r in moved] == ["me", "kotsapp"]
    assert ours(moved) == PODS


def test_it_is_added_to_what_is_ours_already() -> None:
    mine = record("kotsapp", {"f:spec": {"f:replicas": {}, "f:paused": {}}}, "Apply")

    moved = taken_over([mine, record("helm", PODS)], {"helm"})

    assert ours(moved) == {"f:spec": {**PODS["f:spec"], "f:paused": {}}}
    assert len(moved) == 1


def test_a_status_and_a_scale_stay_whose_they_are() -> None:
    records = [record("kubectl", PODS, subresource="status"), record("kubectl", PODS, subresource="scale")]

    assert taken_over(records, {"kubectl"}) == records


def test_labels_of_kots_stay_whose_they_are() -> None:
    labels = {"f:labels": {"f:kots.io/app-slug": {}, "f:app": {}}}
    fields = {"f:metadata": labels, "f:spec": {"f:template": {"f:metadata": labels}}}

    moved = taken_over([record("kubectl-client-side-apply", fields)], {"kubectl-client-side-apply"})

    kept = {"f:labels": {"f:kots.io/app-slug": {}}}
    assert moved[0]["fieldsV1"] == {"f:metadata": kept, "f:spec": {"f:template": {"f:metadata": kept}}}
    assert "kots.io" not in str(ours(moved))
    assert "f:app" in str(ours(moved))


MARKED = {"labels": {"kots.io/app-slug": "shop"}}
APPLIED = {"managedFields": [record("kotsapp", {}, "Apply")]}


@pytest.mark.parametrize(
    ("said", "metadata", "manager", "taken"),
    [
        (None, {}, "kubectl-client-side-apply", True),
        (None, {}, "before-first-apply", True),
        (None, {}, "helm", True),
        (None, {}, "kubectl-edit", False),
        (None, {}, "kubectl-patch", False),
        (None, MARKED, "kubectl-patch", True),
        (None, APPLIED, "kubectl-client-side-apply", False),
        ("helm", {}, "kubectl-client-side-apply", False),
        ("helm", {}, "helm", True),
        ("kots", {}, "kubectl-client-side-apply", False),
        ("kots", MARKED, "kubectl-client-side-apply", True),
        ("helm, argocd-controller", {}, "argocd-controller", True),
        ("argocd-controller", APPLIED, "argocd-controller", True),
        ("none", MARKED, "kubectl-client-side-apply", False),
        ("", {}, "helm", False),
    ],
)
def test_from_whom_an_object_is_taken_over(said: str | None, metadata: Any, manager: str, taken: bool) -> None:
    assert (manager in Adoption.from_names(said).from_whom(metadata)) is taken


# -- entries of others that what is wanted can't stand beside


def complaint(*fields: str) -> ApiError:
    return ApiError(422, "Invalid", "no", causes=[Cause(field, "Required value") for field in fields])


def test_an_answer_tells_which_lists_it_complains_of() -> None:
    named = lists_of(complaint("spec.ports[1].name", "spec.template.spec.containers[0].ports[1].name", "spec.selector"))

    assert named == {("spec", "ports"), ("spec", "template", "spec", "containers", "ports")}


def port(number: int, protocol: str = "TCP") -> str:
    return f'k:{{"port":{number},"protocol":"{protocol}"}}'


@pytest.mark.parametrize(
    ("edited", "goes"),
    [(port(8080), True), (port(80, "UDP"), True), (port(80), False)],
    ids=["port", "protocol", "same"],
)
def test_an_entry_that_somebody_edited_gives_way(edited: str, goes: bool) -> None:
    service = {"spec": {"ports": [{"port": 80}]}}
    records = [
        record("kotsapp", {"f:spec": {"f:ports": {port(80): ITEM}}}, "Apply"),
        record("kubectl-edit", {"f:spec": {"f:ports": {edited: ITEM}, "f:type": {}}}),
    ]

    moved = without_entries(records, service, {("spec", "ports")})

    theirs = next(r["fieldsV1"] for r in moved if r["manager"] == "kubectl-edit")
    assert (edited not in theirs["f:spec"].get("f:ports", {})) is goes
    assert theirs["f:spec"]["f:type"] == {}
    assert (edited in ours(moved)["f:spec"]["f:ports"]) is (goes or edited == port(80))


def test_only_entries_of_the_named_lists_give_way() -> None:
    """A container that somebody put in is not what its neighbour's ports are refused for."""
    wanted = {"spec": {"containers": [{"name": "main", "ports": [{"containerPort": 80}]}]}}
    edited = 'k:{"containerPort":90,"protocol":"TCP"}'
    theirs = {'k:{"name":"main"}': {"f:ports": {edited: ITEM}}, 'k:{"name":"sidecar"}': {"f:ports": {edited: ITEM}}}
    records = [record("kubectl-edit", {"f:spec": {"f:containers": theirs}})]

    moved = without_entries(records, wanted, {("spec", "containers", "ports")})

    assert ours(moved) == {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:ports": {edited: ITEM}}}}}
    assert moved[0]["fieldsV1"] == {"f:spec": {"f:containers": {'k:{"name":"sidecar"}': {"f:ports": {edited: ITEM}}}}}


# -- letting go


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("spec.replicas", "f:replicas"),
        ("spec.template.spec.containers[*].image", "f:image"),
        ("spec.template.spec.containers[1]", "sidecar"),
    ],
)
def test_what_is_ignored_becomes_nobodys(path: str, gone: str) -> None:
    containers = [{"name": "main", "image": "a"}, {"name": "sidecar", "image": "b"}]
    live = {"spec": {"replicas": 3, "template": {"spec": {"containers": containers}}}}
    other = record("autoscaler", PODS)

    moved = let_go([record("kotsapp", PODS, "Apply"), other], live, [parse_steps(path)])

    assert gone not in str(ours(moved))
    assert '"main"' in str(ours(moved))
    assert moved[1] == other


def test_what_is_ignored_and_not_ours_changes_nothing() -> None:
    records = [record("kotsapp", PODS, "Apply")]

    assert (
        let_go(records, {"spec": {"paused": True}}, [parse_steps("spec.paused"), parse_steps("spec.x[3].y")]) == records
    )


# -- trees of fields

LEAVES = st.sampled_from([{}, {".": {}}])
TREES = st.recursive(
    LEAVES,
    lambda below: st.dictionaries(st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', "v:1", "."]), below, max_size=4),
    max_leaves=12,
).map(lambda tree: clean(tree))


def clean(tree: Any) -> Any:
    return {key: {} if key == "." else clean(below) for key, below in tree.items()}


def members(tree: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every path that is in the set which the tree is."""
    found = set()
    for key, below in tree.items():
        if key != ".":
            path = (*above, key)
            found |= members(below, path) | ({path} if not below or "." in below else set())
    return found


@given(TREES, TREES)
def test_a_union_has_what_is_in_either(one: Any, other: Any) -> None:
    assert members(union(one, other)) == members(one) | members(other)


@given(TREES)
def test_a_split_loses_nothing(tree: Any) -> None:
    gone, left = split(tree, lambda path: path[-1] == "f:a")

    assert members(gone) | members(left) == members(tree)
    assert not any("f:a" in path for path in members(left))
    assert all("f:a" in path for path in members(gone))

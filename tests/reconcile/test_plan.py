"""From a release's objects to what is applied: placed, patched, labelled, owned, or refused by name."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from kotsapp.api.spec import Spec, parse_spec
from kotsapp.apply.plan import Plan
from kotsapp.images.accounts import Account
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains
from kotsapp.kube.objects import key_of
from kotsapp.reconcile.app import App
from kotsapp.reconcile.plan import (
    MAX_OBJECTS,
    PlanError,
    PullSecretNameError,
    PullSecrets,
    make_plan,
    own,
    place,
    scope_in,
)
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release

APP = App(namespace="apps", name="my-app", uid="uid-1", generation=1, spec={})
PRIVATE, PROXIED = "quay.io/my-org/api:v1", "proxy.replicated.com/proxy/slug/quay.io/my-org/api:v1"
PULLS = {PRIVATE: Pull(PROXIED, needs_secret=True), "busybox": Pull("busybox", needs_secret=False)}


def obj(kind: str = "ConfigMap", name: str = "it", api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "apps", **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod(image: str, **metadata: Any) -> dict[str, Any]:
    return obj("Pod", metadata=metadata, spec={"containers": [{"name": "main", "image": image}]})


LENT = parse_spec({"license": {"secretRef": {"name": "l"}}, "manifests": [{"inline": "a: 1"}]})
WITH_ACCOUNT = replace(LENT, service_account="deployer")


def planned(*objects: dict[str, Any], lend_rights: bool = True) -> Plan:
    secrets = PullSecrets("pull", "license-id", Domains())
    return make_plan(Release(objects=tuple(objects)), PULLS, secrets, APP, LENT if lend_rights else WITH_ACCOUNT)


def app_objects(plan: Plan) -> list[Any]:
    """The plan's objects without the pull secrets."""
    return [obj for obj in plan.objects if key_of(obj) not in plan.exclusive]


def test_an_object_without_a_namespace_is_put_into_the_apps() -> None:
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}

    assert place(bare, "apps", namespaced=True)["metadata"] == {"name": "it", "namespace": "apps"}
    assert place(bare, "apps", namespaced=False)["metadata"] == {"name": "it"}
    elsewhere = obj(metadata={"namespace": "other"})
    assert place(elsewhere, "apps", namespaced=True)["metadata"]["namespace"] == "other"
    assert "namespace" not in place(elsewhere, "apps", namespaced=False)["metadata"]
    assert "namespace" not in bare["metadata"], "what was given is left as it is"


def test_a_definition_among_the_objects_tells_its_kinds_scope() -> None:
    def crd(group: str, scope: str) -> dict[str, Any]:
        spec = {"group": group, "scope": scope, "names": {"kind": "Widget"}}
        return obj("CustomResourceDefinition", api_version="apiextensions.k8s.io/v1", spec=spec)

    scope = scope_in([crd("a.example", "Namespaced"), crd("b.example", "Cluster")])

    assert scope("a.example", "Widget") is True
    assert scope("b.example", "Widget") is False
    assert scope("c.example", "Widget") is None


def test_objects_are_labelled_and_owned_in_the_apps_namespace_alone() -> None:
    labels = {"kotsapp.dev/namespace": "apps", "kotsapp.dev/name": "my-app"}

    inside = own(obj(metadata={"labels": {"mine": "1"}}), APP)["metadata"]
    outside = own(obj(metadata={"namespace": "other"}), APP)["metadata"]

    assert inside["labels"] == labels | {"mine": "1"}
    assert [owner["uid"] for owner in inside["ownerReferences"]] == ["uid-1"]
    assert outside["labels"] == labels
    assert "ownerReferences" not in outside


@pytest.mark.parametrize(
    "kept",
    [
        obj("PersistentVolumeClaim"),
        obj("Namespace", metadata={"namespace": ""}),
        obj("CustomResourceDefinition", api_version="apiextensions.k8s.io/v1"),
        obj(metadata={"annotations": {"kotsapp.dev/prune": "disabled"}}),
        obj(metadata={"annotations": {"helm.sh/resource-policy": "keep"}}),
    ],
    ids=["claim", "namespace", "definition", "annotated", "kept as Helm does"],
)
def test_what_is_never_pruned_has_no_owner_to_be_collected_for(kept: dict[str, Any]) -> None:
    assert "ownerReferences" not in own(kept, APP)["metadata"]


def test_pods_keep_what_their_account_carries_in_their_own_namespace() -> None:
    secrets = PullSecrets("pull", "license-id", Domains())
    objects = [pod(PRIVATE), pod(PRIVATE, name="there", namespace="there"), pod("busybox", name="public")]
    kept = {Account("apps", "default"): ("customer",), Account("elsewhere", "default"): ("not-ours",)}
    plan = make_plan(Release(objects=tuple(objects)), PULLS, secrets, APP, WITH_ACCOUNT, kept)

    lists = [planned["spec"].get("imagePullSecrets") for planned in app_objects(plan)]
    assert lists == [[{"name": "pull"}, {"name": "customer"}], [{"name": "pull"}], None]
    # What runs once is known by its manifest, so that another account's list is no reason to run it again.
    assert all("imagePullSecrets" not in obj["spec"] for obj in plan.as_written.values())


def test_images_are_patched_and_pull_secrets_go_where_pods_need_them() -> None:
    plan = planned(
        pod(PRIVATE),
        pod(PRIVATE, name="there", namespace="there"),
        pod("busybox", name="public", namespace="elsewhere"),
        lend_rights=False,
    )

    first = app_objects(plan)[0]
    assert first["spec"]["containers"][0]["image"] == PROXIED
    assert first["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert {(key.namespace, key.name) for key in plan.exclusive} == {("apps", "pull"), ("there", "pull")}
    assert [key_of(obj) for obj in plan.phases[0].objects[:2]] == sorted(plan.exclusive), "before the pods"


def test_a_secrets_text_is_applied_as_data() -> None:
    """The API server keeps no record of who owns stringData."""
    secret = obj("Secret", stringData={"a": "text", "b": "é"}, data={"a": "b2xk", "c": "a2VwdA=="})

    [made] = planned(secret).objects

    assert "stringData" not in made
    assert {name: base64.b64decode(value).decode() for name, value in made["data"].items()} == {
        "a": "text",
        "b": "é",
        "c": "kept",
    }
    assert "stringData" in secret, "what was given is left as it is"


def test_a_secret_whose_text_is_none_is_left_for_the_api_server_to_refuse() -> None:
    [made] = planned(obj("Secret", stringData={"port": 5432})).objects

    assert made["stringData"] == {"port": 5432}


@pytest.mark.parametrize(
    ("objects", "named"),
    [
        pytest.param([obj(), obj()], ["ConfigMap/it", "defined twice"], id="twice"),
        pytest.param(
            [
                obj("Deployment", api_version="apps/v1", spec={}),
                obj("Deployment", api_version="apps/v1beta1", spec={}),
            ],
            ["Deployment/it", "defined twice"],
            id="twice in two versions",
        ),
        pytest.param([obj("Role", api_version="rbac.authorization.k8s.io/v1")], ["Role/it"], id="another kind"),
        pytest.param(
            [obj(metadata={"namespace": "other"}), obj("ClusterRole")],
            ["ConfigMap/it", "ClusterRole/it"],
            id="every problem",
        ),
    ],
)
def test_objects_that_cant_be_applied_are_named(objects: list[dict[str, Any]], named: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        planned(*objects)

    assert all(name in str(caught.value) for name in named)


ACCOUNT = obj("ServiceAccount")
INGRESS = obj("Ingress", api_version="networking.k8s.io/v1")
LEND = "helm upgrade kotsapp-operator deploy/chart -n kotsapp-system --reset-then-reuse-values --set lend=edit"
GIVE = "kubectl apply -k deploy/deployer/namespace, and set spec.serviceAccountName: deployer"


@pytest.mark.parametrize(
    ("objects", "said", "unsaid"),
    [
        pytest.param([ACCOUNT], [LEND, GIVE], [], id="lent by edit"),
        pytest.param([ACCOUNT, obj("Role")], [GIVE], [LEND], id="to lend more is not enough"),
        pytest.param([obj("ClusterRole", metadata={"namespace": ""})], ["deploy/deployer/cluster"], [], id="outside"),
        pytest.param([obj(), obj()], [], ["deployer", LEND], id="no right is lacking"),
    ],
)
def test_both_ways_out_are_commands(objects: list[dict[str, Any]], said: list[str], unsaid: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        planned(*objects)

    message = str(caught.value)
    assert all(message.count(text) == 1 for text in said)
    assert not any(text in message for text in unsaid)


def test_what_a_common_chart_brings_and_both_ways_out_are_told_in_one_line() -> None:
    with pytest.raises(PlanError) as caught:
        planned(ACCOUNT, INGRESS, obj("PodDisruptionBudget", api_version="policy/v1"))

    assert str(caught.value).startswith(
        "ServiceAccount/it, Ingress/it, PodDisruptionBudget/it: not applied without an account; "
    )


def test_with_an_account_rbac_decides() -> None:
    plan = planned(obj(metadata={"namespace": "other"}), obj("ClusterRole"), lend_rights=False)

    assert [str(key) for key in plan.keys] == ["ConfigMap/it", "ClusterRole/it"]


def test_the_number_of_objects_is_bounded_and_so_is_the_message() -> None:
    with pytest.raises(PlanError, match=str(MAX_OBJECTS)):
        planned(*(obj(name=str(number)) for number in range(MAX_OBJECTS + 1)))
    with pytest.raises(PlanError, match=r"^100 ClusterRoles \(0, 1, 2 and 97 more\): "):
        planned(*(obj("ClusterRole", name=str(number)) for number in range(100)))


def test_a_secret_that_has_the_pull_secrets_name_is_told_apart() -> None:
    with pytest.raises(PullSecretNameError, match=r"a Secret pull of their own.*spec\.pullSecret\.name"):
        planned(pod(PRIVATE), obj("Secret", "pull"))


def test_the_rules_of_a_role_that_aggregates_others_are_its_controllers() -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "all"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        "rules": [],
    }
    (made,) = planned(role, lend_rights=False).objects
    assert "rules" not in made


@pytest.mark.parametrize(("spec", "places"), [(WITH_ACCOUNT, ["apps", "jobs"]), (LENT, ["apps"])])
def test_an_applications_further_namespaces_get_the_pull_secret(spec: Spec, places: list[str]) -> None:
    """By the account's rights: the operator's own ones reach no other namespace."""
    release = Release(objects=(pod(PRIVATE),), application=Application(additional_namespaces=("jobs",)))
    plan = make_plan(release, PULLS, PullSecrets("pull", "license-id", Domains()), APP, spec)
    assert sorted(key.namespace for key in plan.exclusive) == places
    assert [key.name for key in plan.if_absent if key.kind == "Namespace"] == places[1:]


def test_a_namespace_that_the_release_brings_itself_is_applied_as_it_is_written() -> None:
    own_one = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs", "labels": {"a": "b"}}}
    release = Release(objects=(own_one,), application=Application(additional_namespaces=("jobs",)))
    plan = make_plan(release, PULLS, PullSecrets("pull", "license-id", Domains()), APP, WITH_ACCOUNT)
    assert not plan.if_absent
    assert [obj["metadata"]["labels"]["a"] for obj in plan.objects if obj["kind"] == "Namespace"] == ["b"]


# -- where it stands


def reported(release: Release) -> str:
    with pytest.raises(PlanError) as caught:
        make_plan(release, PULLS, PullSecrets("pull", "license-id", Domains()), APP, LENT)
    return str(caught.value)


def test_what_is_refused_is_told_with_where_it_stands() -> None:
    role = obj("ClusterRole", "all", "rbac.authorization.k8s.io/v1")

    message = reported(Release(objects=(obj(), role), places=("ConfigMap a, key a.yaml", "Secret b, key b.yaml")))

    assert message.startswith("ClusterRole/all: ")
    assert " (Secret b, key b.yaml); " in message


def test_of_what_is_defined_twice_both_places_are_told() -> None:
    message = reported(Release(objects=(obj(), obj()), places=("ConfigMap a, key a.yaml", "Secret b, key b.yaml")))

    assert message.endswith("defined twice in the manifests (ConfigMap a, key a.yaml and Secret b, key b.yaml)")


def test_the_plan_knows_where_its_objects_stand() -> None:
    secrets = PullSecrets("pull", "license-id", Domains())

    plan = make_plan(Release(objects=(obj(),), places=("ConfigMap a, key a.yaml",)), PULLS, secrets, APP, LENT)

    assert plan.places == {key_of(obj()): "ConfigMap a, key a.yaml"}

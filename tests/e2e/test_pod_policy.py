"""The admission policy alone, on a real API server: no operator runs here, and statuses are what the tests write."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from harness.definitions import wait_established
from harness.running import ROOT
from harness.shipped_policy import FILE, version_in
from harness.waiting import until
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods import policy
from kotsapp.pods.routing import routes
from localworld.api import ApiError
from localworld.world import World

PROXY = "proxy.replicated.com"
SLUG = "my-kots-app"
SECRET = "my-kots-app-registry"
PRIVATE, INIT, VOLUME = "quay.io/my-org/api:v1", "quay.io/my-org/migrate:v1", "quay.io/my-org/model:v1"
PUBLIC = "busybox:1.36"
# The first minor release that keeps image volumes unasked.
IMAGE_VOLUMES_MINOR = 35
STRATEGIC = "application/strategic-merge-patch+json"

Object = dict[str, Any]
_numbers = itertools.count(1)


def routed(image: str, slug: str = SLUG) -> str:
    return f"{PROXY}/proxy/{slug}/{image}"


def entry(image: str, **changes: Any) -> Object:
    """A row of ``status.images`` of an image that pods pull through the proxy."""
    return {
        "image": image,
        "verdict": "Private",
        "route": "Proxy",
        "verified": "True",
        "pull": routed(image),
        **changes,
    }


def status(*images: Object, slug: str = SLUG, secret: str = SECRET, hosts: tuple[str, ...] = (PROXY,)) -> Object:
    return {
        "license": {"appSlug": slug},
        "pods": {"pullSecret": secret, "hosts": list(hosts)},
        "images": list(images),
    }


@dataclass(frozen=True)
class Place:
    """A namespace of one test."""

    world: World
    namespace: str

    def put_app(self, written: Mapping[str, Any], name: str = "app", *, route: bool = True) -> None:
        """A KotsApp with this status, once the policy has seen it, where it routes."""
        path = f"/apis/kotsapp.dev/v1alpha1/namespaces/{self.namespace}/kotsapps/{name}"
        spec = {"license": {"secretRef": {"name": "x"}}, "manifests": [{"inline": "{}"}], "pods": {"route": route}}
        # What makes sure that the policy knows this status: another image of its own.
        mark = f"quay.io/mark/m{next(_numbers)}"
        app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": name}, "spec": spec}
        self.world.api.apply(path, app)
        marked = {**written, "images": [*(written.get("images") or ()), entry(mark, pull=mark)]}
        self.world.api.merge(f"{path}/status", {"status": marked})
        if route:
            until(lambda: self.made(mark).get("imagePullSecrets"), "the policy has seen the status", 20)

    def make(self, spec: Mapping[str, Any], *, dry_run: bool = True, name: str = "new", **metadata: Any) -> Object:
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": dict(spec)}
        params = {"dryRun": "All"} if dry_run else None
        return self.world.api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body, params=params)

    def made(self, *images: str, **spec: Any) -> Object:
        """The spec of a pod with these images, as the API server would store it."""
        containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
        found: Object = self.make({"containers": containers, **spec})["spec"]
        return found

    def images(self, *images: str) -> list[str]:
        return [container["image"] for container in self.made(*images)["containers"]]

    def patch(self, name: str, patch: Any, content_type: str, subresource: str = "") -> Object:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}{subresource}"
        found: Object = self.world.api.request("PATCH", path, patch, content_type=content_type)["spec"]
        return found


@pytest.fixture(scope="module")
def lone_world() -> Iterator[World]:
    """An API server with the definition and the policy, and nobody who works with them."""
    with World.start(node=False) as world:
        world.kubectl("apply", "-f", str(ROOT / "crds" / "kotsapps.kotsapp.dev.yaml"))
        wait_established(world)
        shipped = FILE.read_text().replace(policy.API_VERSIONS[0], version_in(world))
        world.kubectl("apply", "-f", "-", stdin=shipped)
        yield world


@pytest.fixture
def new_place(lone_world: World) -> Callable[..., Place]:
    def make(*, label: bool = True) -> Place:
        place = Place(lone_world, f"place-{next(_numbers)}")
        lone_world.create_namespace(place.namespace)
        if label:
            lone_world.kubectl("label", "namespace", place.namespace, f"{ROUTED_LABEL}={policy.LABEL_VALUE}")
        return place

    return make


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    return new_place()


# -- what is routed


def test_the_api_server_finds_nothing_wrong_with_it(lone_world: World) -> None:
    found = lone_world.api.get(f"/apis/{version_in(lone_world)}/mutatingadmissionpolicies/{policy.NAME}")
    warnings = (found.get("status") or {}).get("typeChecking") or {}
    assert not warnings.get("expressionWarnings")


def test_images_are_routed_wherever_a_new_pod_has_them(place: Place) -> None:
    place.put_app(status(entry(PRIVATE), entry(INIT), entry(VOLUME)))
    spec = place.made(
        PUBLIC,
        PRIVATE,
        initContainers=[{"name": "migrate", "image": INIT}],
        volumes=[{"name": "scratch", "emptyDir": {}}, {"name": "model", "image": {"reference": VOLUME}}],
    )

    assert [container["image"] for container in spec["containers"]] == [PUBLIC, routed(PRIVATE)]
    assert spec["initContainers"][0]["image"] == routed(INIT)
    if place.world.programs.minor >= IMAGE_VOLUMES_MINOR:
        assert spec["volumes"][1]["image"]["reference"] == routed(VOLUME)
    assert spec["imagePullSecrets"] == [{"name": SECRET}]


def test_routing_twice_is_routing_once(place: Place) -> None:
    place.put_app(status(entry(PRIVATE)))
    once = place.made(PRIVATE)
    again = place.made(once["containers"][0]["image"], imagePullSecrets=once["imagePullSecrets"])
    assert _comparable(again) == _comparable(once)


def _comparable(spec: Object) -> str:
    """Without the random name of the volume that every pod gets."""
    text = json.dumps(spec, sort_keys=True)
    for volume in spec.get("volumes") or ():
        text = text.replace(volume["name"], "VOLUME")
    return text


def test_the_pull_secret_comes_last_and_once_behind_those_of_the_pod_or_its_account(place: Place) -> None:
    place.put_app(status(entry(PRIVATE)))
    mine = [{"name": "mine"}]
    assert place.made(PRIVATE, imagePullSecrets=mine)["imagePullSecrets"] == [*mine, {"name": SECRET}]
    given = [{"name": SECRET}, *mine]
    assert place.made(PRIVATE, imagePullSecrets=given)["imagePullSecrets"] == given

    account = f"/api/v1/namespaces/{place.namespace}/serviceaccounts/default"
    carried = [{"name": "of-the-account"}]
    place.world.api.merge(account, {"imagePullSecrets": carried})
    kept = [*carried, {"name": SECRET}]
    until(lambda: place.made(PRIVATE)["imagePullSecrets"] == kept, "what the account carries is kept", 10)


def test_an_image_that_stays_where_it_is_gets_the_pull_secret(place: Place) -> None:
    vendor = "registry.replicated.com/my-kots-app/worker:v1"
    place.put_app(status(entry(vendor, route="Registry", verdict="Replicated", pull=vendor)))
    spec = place.made(vendor)
    assert spec["containers"][0]["image"] == vendor
    assert spec["imagePullSecrets"] == [{"name": SECRET}]


def test_a_pod_that_needs_nothing_is_made_as_it_would_be_elsewhere(
    place: Place, new_place: Callable[..., Place]
) -> None:
    place.put_app(status(entry(PRIVATE), entry("quay.io/other:1", route="Direct", pull="quay.io/other:1")))
    elsewhere = new_place(label=False)
    for images in ([PUBLIC], ["quay.io/other:1", PUBLIC], [routed(PRIVATE)]):
        assert _comparable(place.made(*images)) == _comparable(elsewhere.made(*images))


def test_each_of_several_apps_routes_its_own_and_those_that_do_not_want_to_none(place: Place) -> None:
    other, third = "quay.io/other/part:1", "quay.io/third/part:1"
    place.put_app(status(entry(third)), "three", route=False)
    place.put_app(status(entry(PRIVATE)), "one")
    place.put_app(status(entry(other, pull=routed(other, "other")), slug="other", secret="other-registry"), "two")
    spec = place.made(PRIVATE, other, third)

    assert [c["image"] for c in spec["containers"]] == [routed(PRIVATE), routed(other, "other"), third]
    assert sorted(s["name"] for s in spec["imagePullSecrets"]) == ["my-kots-app-registry", "other-registry"]


def test_two_apps_with_the_same_image_make_no_mixture(place: Place) -> None:
    place.put_app(status(entry(PRIVATE)), "one")
    theirs = status(entry(PRIVATE, pull=routed(PRIVATE, "other")), slug="other", secret="other-registry")
    place.put_app(theirs, "two")
    spec = place.made(PRIVATE)

    assert (spec["containers"][0]["image"], spec["imagePullSecrets"]) in [
        (routed(PRIVATE), [{"name": SECRET}]),
        (routed(PRIVATE, "other"), [{"name": "other-registry"}]),
    ]


# -- pods that are there


def test_a_container_that_is_added_for_debugging_is_routed_where_the_pod_has_the_secret(place: Place) -> None:
    place.put_app(status(entry(PRIVATE)))
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": PRIVATE}]}}
    for name, secrets, expected in (("with", [{"name": SECRET}], routed(PRIVATE)), ("without", [], PRIVATE)):
        place.make(
            {"containers": [{"name": "main", "image": PUBLIC}], "imagePullSecrets": secrets}, dry_run=False, name=name
        )
        spec = place.patch(name, debug, STRATEGIC, "/ephemeralcontainers")
        assert spec["ephemeralContainers"][0]["image"] == expected


def test_a_pod_that_is_there_is_left_as_it_is(place: Place) -> None:
    """Whatever is changed of it: what runs is not restarted with another image for a label, or a new container."""
    containers = [{"name": "old", "image": PRIVATE}, {"name": "other", "image": PUBLIC}]
    place.make({"containers": containers, "imagePullSecrets": [{"name": SECRET}]}, dry_run=False, name="pod")
    place.put_app(status(entry(PRIVATE)))

    place.patch("pod", {"metadata": {"labels": {"a": "b"}}}, STRATEGIC)
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": PRIVATE}]}}
    changed = place.patch("pod", debug, STRATEGIC, "/ephemeralcontainers")
    assert [c["image"] for c in changed["containers"]] == [PRIVATE, PUBLIC]
    assert changed["ephemeralContainers"][0]["image"] == routed(PRIVATE)
    debug["spec"]["ephemeralContainers"].append({"name": "again", "image": PUBLIC})
    again = place.patch("pod", debug, STRATEGIC, "/ephemeralcontainers")
    assert [c["image"] for c in again["ephemeralContainers"]] == [routed(PRIVATE), PUBLIC]


def test_what_a_node_runs_by_itself_is_shown_as_it_is(place: Place) -> None:
    place.put_app(status(entry(PRIVATE)))
    spec = {"containers": [{"name": "main", "image": PRIVATE}], "nodeName": "somewhere"}
    found = place.make(spec, annotations={"kubernetes.io/config.mirror": "x"})["spec"]
    assert found["containers"][0]["image"] == PRIVATE
    assert "imagePullSecrets" not in found


# -- whoever tries to lead other people's pods elsewhere

EVIL = "evil.example.invalid"
FORGED: Mapping[str, Object] = {
    "a-host-that-is-not-vouched-for": status(entry(PRIVATE, pull=f"{EVIL}/proxy/{SLUG}/{PRIVATE}")),
    "a-host-with-a-vouched-one-in-front": status(entry(PRIVATE, pull=f"{PROXY}.{EVIL}/proxy/{SLUG}/{PRIVATE}")),
    "a-user-in-front": status(entry(PRIVATE, pull=f"{PROXY}@{EVIL}/proxy/{SLUG}/{PRIVATE}")),
    "another-image-of-the-proxy": status(entry(PRIVATE, pull=routed("quay.io/mallory/shell:1"))),
    "another-tag": status(entry(PRIVATE, pull=routed("quay.io/my-org/api:v2"))),
    "another-image-as-it-is": status(entry(PRIVATE, pull="quay.io/mallory/shell:1")),
    "another-app-of-the-proxy": status(entry(PRIVATE, pull=routed(PRIVATE, "mallory"))),
    "the-bare-host": status(entry(PRIVATE, pull=f"{PROXY}/{PRIVATE}")),
    "what-the-proxy-was-not-seen-to-serve": status(entry(PRIVATE, verified="Unknown")),
    "what-the-proxy-refuses": status(entry(PRIVATE, verified="False")),
    "what-nobody-asked-for": status({k: v for k, v in entry(PRIVATE).items() if k != "verified"}),
    "what-is-pulled-directly": status(entry(PRIVATE, route="Direct")),
    "what-is-undecided": status({k: v for k, v in entry(PRIVATE).items() if k != "route"}),
    "no-hosts": status(entry(PRIVATE), hosts=()),
    "no-license": {k: v for k, v in status(entry(PRIVATE)).items() if k != "license"},
    "nothing-for-pods": {k: v for k, v in status(entry(PRIVATE)).items() if k != "pods"},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_pod_stays_as_it_is_where_the_status_offers(place: Place, name: str) -> None:
    forged = FORGED[name]
    assert routes(forged).get(PRIVATE, PRIVATE) == PRIVATE, "the operator takes it as the policy does"
    api = place.world.api
    path = f"/apis/kotsapp.dev/v1alpha1/namespaces/{place.namespace}/kotsapps/app"
    place.put_app(status())
    api.merge(f"{path}/status", {"status": None})
    api.merge(f"{path}/status", {"status": forged})
    place.put_app(status(), "seen")  # a later write is seen later
    spec = place.made(PRIVATE)
    assert spec["containers"][0]["image"] == PRIVATE
    assert "imagePullSecrets" not in spec


@pytest.mark.parametrize("hosts", [(PROXY,), (PROXY, "images.vendor.example")])
def test_the_operator_foresees_what_the_policy_does(place: Place, hosts: tuple[str, ...]) -> None:
    custom = f"images.vendor.example/proxy/{SLUG}/{INIT}"
    written = status(entry(PRIVATE), entry(INIT, pull=custom), entry(VOLUME, pull=VOLUME), hosts=hosts)
    place.put_app(written)
    expected = routes(written)
    images = (PRIVATE, INIT, VOLUME, PUBLIC)
    assert place.images(*images) == [expected.get(image, image) for image in images]


def test_no_pod_of_another_namespace_is_touched(new_place: Callable[..., Place]) -> None:
    """Neither of one that no administrator has allowed, nor of one that is allowed and has no app of its own."""
    allowed, unlabelled, neighbour = new_place(), new_place(label=False), new_place()
    allowed.put_app(status(entry(PRIVATE)))
    path = f"/apis/kotsapp.dev/v1alpha1/namespaces/{unlabelled.namespace}/kotsapps/app"
    spec = {"license": {"secretRef": {"name": "x"}}, "manifests": [{"inline": "{}"}], "pods": {"route": True}}
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": spec}
    unlabelled.world.api.apply(path, app)
    unlabelled.world.api.merge(f"{path}/status", {"status": status(entry(PRIVATE))})
    allowed.put_app(status(), "seen")

    assert allowed.images(PRIVATE) == [routed(PRIVATE)]
    assert unlabelled.images(PRIVATE) == [PRIVATE]
    assert neighbour.images(PRIVATE) == [PRIVATE]


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_nobody_who_works_in_a_namespace_writes_what_the_policy_reads(place: Place, role: str) -> None:
    world, user = place.world, f"{role}-of-{place.namespace}"
    world.kubectl("apply", "-f", str(ROOT / "deploy" / "base" / "rbac.yaml"))
    world.kubectl("-n", place.namespace, "create", "rolebinding", role, f"--clusterrole={role}", f"--user={user}")
    until(lambda: allowed(world, user, "list", "kotsapps", place.namespace), "the roles are aggregated", 20)

    group = "admissionregistration.k8s.io"
    for verb in ("patch", "update"):
        assert not allowed(world, user, verb, "kotsapps", place.namespace, subresource="status")
        assert not allowed(world, user, verb, "namespaces", place.namespace, group="", name=place.namespace)
        for plural in ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"):
            assert not allowed(world, user, verb, plural, "", group=group)
    if role == "view":
        return
    # With the resource itself a status comes along, and is dropped.
    spec = {"license": {"secretRef": {"name": "x"}}, "manifests": [{"inline": "{}"}], "pods": {"route": True}}
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": spec}
    kubeconfig = ("--kubeconfig", str(world.kubeconfig_for_user(user)))
    with_status = json.dumps({**app, "status": status(entry(PRIVATE))})
    world.kubectl(*kubeconfig, "-n", place.namespace, "create", "-f", "-", stdin=with_status)
    world.kubectl(*kubeconfig, "-n", place.namespace, "replace", "-f", "-", stdin=with_status)
    place.put_app(status(), "seen")
    assert place.images(PRIVATE) == [PRIVATE]


def allowed(
    world: World, user: str, verb: str, resource: str, namespace: str, *, group: str = "kotsapp.dev", **more: str
) -> bool:
    attributes = {"namespace": namespace, "verb": verb, "resource": resource, "group": group, **more}
    review = {"spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes}}
    answer = world.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


# -- limits and faults


def test_as_many_images_as_a_status_holds_are_within_the_limits_of_expressions(place: Place) -> None:
    """The longest names, and more containers than anybody has."""
    names = [f"quay.io/{'x' * 200}/image-{number}:{'t' * 120}" for number in range(499)]
    place.put_app(status(*map(entry, names)))
    assert place.images(*names[::5]) == [routed(name) for name in names[::5]]


@pytest.mark.parametrize(
    "odd",
    [
        {"images": [entry(PRIVATE), entry(PRIVATE)]},
        {"license": {}},
        {"images": [{"image": PRIVATE, "verdict": "Private"}]},
    ],
)
def test_a_pod_is_made_whatever_a_status_holds(place: Place, odd: Object) -> None:
    place.put_app(status(), "first")
    path = f"/apis/kotsapp.dev/v1alpha1/namespaces/{place.namespace}/kotsapps/first/status"
    place.world.api.merge(path, {"status": {**odd, **({"license": None} if odd.get("license") == {} else {})}})
    place.put_app(status(), "seen")
    assert place.images(PRIVATE, PUBLIC) == [PRIVATE, PUBLIC]


def test_pods_are_made_when_there_are_no_kotsapps_any_more(new_place: Callable[..., Place]) -> None:
    place = new_place()
    assert place.images(PRIVATE) == [PRIVATE]
    with pytest.raises(ApiError):
        place.make({"containers": []})

"""What looks like an image where nobody looks for one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kotsapp.images.finder import find_images
from kotsapp.images.image_path import ImagePath, hits, parse_steps
from kotsapp.images.unhandled import MAX_UNHANDLED, PART, SPLIT, UnhandledImage, find_unhandled, still_unhandled

PRIVATE = "images.vendor.example/my-org/api:1"


def pod(**container: Any) -> dict[str, Any]:
    containers = [{"name": "side", "image": "busybox:1"}, {"name": "main", "image": PRIVATE, **container}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it"}, "spec": {"containers": containers}}


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": data}


def custom(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "it"}, "spec": spec}


def found(*objects: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.image, one.reason) for one in find_unhandled(objects)]


@pytest.mark.parametrize(
    ("obj", "image", "reason"),
    [
        (pod(env=[{"name": "WORKER", "value": "quay.io/my-org/worker:2"}]), "quay.io/my-org/worker:2", ""),
        (pod(env=[{"name": "RELATED_IMAGE_DB", "value": "my-org/db:2"}]), "my-org/db:2", ""),
        (pod(env=[{"name": "MORE", "value": PRIVATE}]), PRIVATE, ""),
        (pod(env=[{"name": "MORE", "value": "images.vendor.example/other:3"}]), "images.vendor.example/other:3", ""),
        (pod(args=["--reloader=quay.io/my-org/reloader:v1"]), "quay.io/my-org/reloader:v1", PART),
        (pod(args=["--sidecar-image", "my-org/sidecar:1"]), "my-org/sidecar:1", ""),
        (pod(command=["sh", "-c", "docker pull ghcr.io/my-org/tool:1 && run"]), "ghcr.io/my-org/tool:1", PART),
        (config_map(WORKER="registry.k8s.io/pause@sha256:" + "a" * 64), "registry.k8s.io/pause@sha256:" + "a" * 64, ""),
        (config_map(**{"a.yaml": "workers:\n- image: quay.io/my-org/w:1 # latest\n"}), "quay.io/my-org/w:1", PART),
        (custom(image="my-org/thing:1"), "my-org/thing:1", ""),
        (custom(image="quay.io/my-org/thing"), "quay.io/my-org/thing", ""),
        (custom(image={"repository": "my-org/thing", "tag": 1.5}), "my-org/thing:1.5", SPLIT),
        (custom(db={"registry": "quay.io", "repository": "my-org/db", "tag": "1"}), "quay.io/my-org/db:1", SPLIT),
        (
            custom(
                template={"metadata": {"annotations": {"sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1"}}}
            ),
            "docker.io/istio/proxyv2:1",
            "",
        ),
    ],
)
def test_what_looks_like_an_image_is_told(obj: dict[str, Any], image: str, reason: str) -> None:
    assert found(pod(), obj) == [(image, reason)]


@pytest.mark.parametrize(
    "text",
    [
        "redis",
        "redis:6379",
        "my-org/api",
        "10:30",
        "ghcr.io",
        "ghcr.io/my-org",
        "https://quay.io/my-org/api:1",
        "user:password@quay.io/my-org/api:1",
        "oci://quay.io/my-org/chart:1",
        "db.apps.svc:5432/shop",
        "postgres://db.apps.svc:5432/shop:1",
        "example.com/docs/page:1",
        "apps/v1",
        "arn:aws:iam::123456789012:role/name",
        "# see quay.io/my-org/api:1\n// and quay.io/my-org/api:2",
        "proxy.replicated.com/proxy/my-kots-app/quay.io/my-org/api:1",
        "/var/run/docker.io/file:1",
        "{{ .image }}",
        "UPPER/case:1",
    ],
)
def test_what_does_not_is_not(text: str) -> None:
    assert found(pod(), config_map(value=text), pod(env=[{"name": "VALUE", "value": text}], args=[text])) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "nginx"),
        ("image", "assets/logo.png"),
        ("imagePullPolicy", "a:1"),
        ("imageVersion", "my-org/it:1"),
        ("imagination", "my-org/it:1"),
        ("image", {"repository": "thing"}),
        ("source", {"repository": "github.com/my-org/thing", "tag": "v1"}),
    ],
)
def test_a_fields_name_alone_makes_no_image(field: str, value: Any) -> None:
    assert found(custom(**{field: value})) == []


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("v1", "Secret"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("kyverno.io/v1", "ClusterPolicy"),
    ],
)
def test_secrets_rules_and_definitions_are_not_searched(version: str, kind: str) -> None:
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": "it"}, "data": {"image": "quay.io/a/b:1"}}
    assert found(obj) == []


def test_what_is_handled_and_an_objects_own_metadata_is_no_matter() -> None:
    obj = pod()
    obj["metadata"]["annotations"] = {"image": "quay.io/a/b:1"}
    assert found(obj) == []


def test_what_is_known_of_elsewhere_counts_by_its_name() -> None:
    (one,) = find_unhandled([config_map(value="my-org/known:1")], ["my-org/known:1"])
    assert one.image == "my-org/known:1"
    assert find_unhandled([config_map(value="redis")], ["redis"]) == ()


def test_the_place_and_the_entry_that_would_route_it_are_told() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "WORKER", "value": "quay.io/my-org/worker:2"}]
    obj = pod(env=env)
    (one,) = find_unhandled([obj])

    assert one == UnhandledImage(
        "quay.io/my-org/worker:2",
        "Pod/it",
        "spec.containers[1].env[1].value",
        "",
        "Pod",
        "spec.containers[name=main].env[name=WORKER].value",
    )
    assert [text for _, text in hits(obj, parse_steps(one.entry))] == [one.image]
    assert one.to_status()["imagePath"] == {"group": "", "kind": "Pod", "path": one.entry}
    handled = [("Pod/it", find_images(obj, [ImagePath("", "Pod", one.entry)]))]
    assert still_unhandled([one], handled) == ()
    assert still_unhandled([one], [("Pod/it", find_images(obj))]) == (one,)


def test_an_entry_names_an_item_by_number_where_its_name_does_not_tell_it() -> None:
    obj = custom(parts=[{"name": "a", "ref": "quay.io/a/b:1"}, {"name": "a"}, {"name": "it's", "ref": "quay.io/a/b:2"}])
    entries = [one.entry for one in find_unhandled([obj])]

    assert entries == ["spec.parts[0].ref", "spec.parts[2].ref"]
    assert [text for entry in entries for _, text in hits(obj, parse_steps(entry))] == [
        "quay.io/a/b:1",
        "quay.io/a/b:2",
    ]


def test_there_is_a_bound_and_hostile_texts_cost_little() -> None:
    many = custom(parts=[{"name": f"n{n}", "image": f"quay.io/a/b:{n}"} for n in range(50_000)])
    texts = [
        "a" * 2_000_000,
        "a.a." * 500_000,
        "a-" * 1_000_000 + "/",
        "quay.io/" * 200_000,
        "x" * 1000 + ":" + "@" * 500,
    ]
    deep: Any = "quay.io/a/b:1"
    for _ in range(500):
        deep = {"a": deep}
    started = time.process_time()

    assert len(find_unhandled([many])) == MAX_UNHANDLED
    assert found(*(config_map(text=text) for text in texts), custom(deep=deep)) == []
    assert time.process_time() - started < 10, "seconds of CPU; an exponential search takes hours"

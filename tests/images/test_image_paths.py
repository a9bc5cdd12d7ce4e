"""Image paths of a KotsApp's own: where images of custom resources stand, and where their pull secrets go."""

from typing import Any

import pytest

from harness.pod_specs import TEMPLATE, images, obj, secret_places
from kotsapp.images.finder import unmatched
from kotsapp.images.image_path import ImagePath, InvalidImagePathError

IMAGES = {
    "image": "quay.io/o/a:1",
    "list": [{"ref": "quay.io/o/b:1"}, {"ref": "quay.io/o/c:1"}, {"ref": 5}, {}],
    "map": {"x": {"image": "quay.io/o/d:1"}, "y.z": {"image": "quay.io/o/e:1"}},
    "empty": "",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spec.image", ["quay.io/o/a:1"]),
        ("spec.list[*].ref", ["quay.io/o/b:1", "quay.io/o/c:1"]),
        ("spec.list[1].ref", ["quay.io/o/c:1"]),
        ("spec.list[9].ref", []),
        ("spec.map.*.image", ["quay.io/o/d:1", "quay.io/o/e:1"]),
        ("spec.map['y.z'].image", ["quay.io/o/e:1"]),
        ("spec.map[*].image", []),
        ("spec.list.ref", []),
        ("spec.empty", []),
        ("spec.absent.image", []),
        ("spec", []),
    ],
)
def test_image_paths(path: str, expected: list[str]) -> None:
    assert images(obj("example.com/v1", "Box", spec=IMAGES), ImagePath("example.com", "Box", path)) == expected


def test_image_paths_are_for_one_kind_of_one_group() -> None:
    found = obj("example.com/v1", "Box", spec=IMAGES)
    assert images(found, ImagePath("example.com", "Crate", "spec.image")) == []
    assert images(found, ImagePath("example.org", "Box", "spec.image")) == []
    assert images(obj("v1", "ConfigMap", data={"agent": "redis"}), ImagePath("", "ConfigMap", "data.agent")) == [
        "redis"
    ]


def test_an_image_found_twice_is_one() -> None:
    found = obj("example.com/v1", "Box", spec=TEMPLATE)
    path = ImagePath("example.com", "Box", "spec.template.spec.containers[*].image")
    assert sorted(images(found, path, path)) == ["c", "e", "i", "v"]


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "path", "place"),
    [
        ("monitoring.coreos.com/v1", "Prometheus", {"image": "a"}, "spec.image", "spec.imagePullSecrets"),
        ("monitoring.coreos.com/v1", "Alertmanager", {"image": "a"}, "spec.image", "spec.imagePullSecrets"),
        ("example.com/v1", "Box", {"image": "a", "imagePullSecrets": []}, "spec.image", "spec.imagePullSecrets"),
        ("example.com/v1", "Box", {"image": "a"}, "spec.image", None),
        ("example.com/v1", "Box", {"pod": {"image": "a"}}, "spec.pod.image", "spec.pod.imagePullSecrets"),
        (
            "apps/v1",
            "Deployment",
            {"template": {"spec": {"containers": [{"env": [{"value": "a"}]}]}}},
            "spec.template.spec.containers[*].env[*].value",
            "spec.template.spec.imagePullSecrets",
        ),
    ],
)
def test_the_secret_of_an_image_path_goes_to_the_nearest_place_for_one(
    api_version: str, kind: str, spec: dict[str, Any], path: str, place: str | None
) -> None:
    wanted = ImagePath(api_version.rpartition("/")[0], kind, path)
    assert secret_places(obj(api_version, kind, spec=spec), wanted) == [place]


def test_the_secret_of_an_image_path_goes_where_it_says() -> None:
    strimzi = obj("kafka.strimzi.io/v1", "Kafka", spec={"kafka": {"image": "a"}})
    path = ImagePath("kafka.strimzi.io", "Kafka", "spec.kafka.image", "spec.kafka.template.pod.imagePullSecrets")
    assert secret_places(strimzi, path) == ["spec.kafka.template.pod.imagePullSecrets"]


@pytest.mark.parametrize(
    "path", ["", ".spec", "spec..image", "spec.", "spec[", "spec[x]", "spec['a'", "spec image", "a" + ".a" * 40]
)
def test_a_bad_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(InvalidImagePathError, match="imagePaths: "):
        ImagePath("example.com", "Box", path)


def test_the_list_of_secrets_is_one_place() -> None:
    with pytest.raises(InvalidImagePathError, match=r"no \*"):
        ImagePath("example.com", "Box", "spec.image", "spec.pods[*].imagePullSecrets")


def test_a_path_at_which_nothing_is_found_is_known() -> None:
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "spec": {"image": "quay.io/p/p:v1"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [monitor]}
    right = ImagePath("monitoring.coreos.com", "Prometheus", "spec.image")
    misspelled = ImagePath("monitoring.coreos.com", "Prometheus", "spec.imag")
    other_kind = ImagePath("monitoring.coreos.com", "Alertmanager", "spec.image")

    assert unmatched([monitor], [right, misspelled, other_kind]) == [misspelled, other_kind]
    assert unmatched([listed], [right]) == []

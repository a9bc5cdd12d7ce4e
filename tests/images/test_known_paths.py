"""Custom resources of popular operators, whose images are found without being told where they are."""

from typing import Any

import pytest

from kotsapp.images.finder import find_images
from kotsapp.images.image_path import ImagePath
from kotsapp.images.rewrite import Pull, rewrite

PRIVATE, PROXIED = "quay.io/my-org/it:1", "proxy.example.com/proxy/slug/quay.io/my-org/it:1"
PULLS = {image: Pull(PROXIED, needs_secret=True) for image in (PRIVATE, PROXIED)}
SECRETS = [{"name": "pull"}]


def custom(group: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "it"}, "spec": spec}


@pytest.mark.parametrize(
    ("group", "kind", "before", "after"),
    [
        (
            "monitoring.coreos.com",
            "Prometheus",
            {"image": PRIVATE, "thanos": {"image": PRIVATE}},
            {"image": PROXIED, "thanos": {"image": PROXIED}, "imagePullSecrets": SECRETS},
        ),
        ("postgresql.cnpg.io", "Cluster", {"imageName": PRIVATE}, {"imageName": PROXIED, "imagePullSecrets": SECRETS}),
        (
            "kibana.k8s.elastic.co",
            "Kibana",
            {"image": PRIVATE},
            {"image": PROXIED, "podTemplate": {"spec": {"imagePullSecrets": SECRETS}}},
        ),
        ("ceph.rook.io", "CephCluster", {"cephVersion": {"image": PRIVATE}}, {"cephVersion": {"image": PROXIED}}),
        (
            "minio.min.io",
            "Tenant",
            {"image": PRIVATE},
            {"image": PROXIED, "imagePullSecret": {"name": "pull"}},
        ),
        (
            "minio.min.io",
            "Tenant",
            {"image": PRIVATE, "imagePullSecret": {"name": "theirs"}},
            {"image": PROXIED, "imagePullSecret": {"name": "theirs"}},
        ),
        (
            "elasticsearch.k8s.elastic.co",
            "Elasticsearch",
            {"image": PRIVATE, "nodeSets": [{"name": "a"}, {"name": "b", "podTemplate": {"spec": {"x": 1}}}]},
            {
                "image": PROXIED,
                "nodeSets": [
                    {"name": "a", "podTemplate": {"spec": {"imagePullSecrets": SECRETS}}},
                    {"name": "b", "podTemplate": {"spec": {"x": 1, "imagePullSecrets": SECRETS}}},
                ],
            },
        ),
        (
            "beat.k8s.elastic.co",
            "Beat",
            {"image": PRIVATE, "daemonSet": {}},
            {"image": PROXIED, "daemonSet": {"podTemplate": {"spec": {"imagePullSecrets": SECRETS}}}},
        ),
        (
            "agent.k8s.elastic.co",
            "Agent",
            {"image": PRIVATE, "statefulSet": {"replicas": 2}},
            {
                "image": PROXIED,
                "statefulSet": {"replicas": 2, "podTemplate": {"spec": {"imagePullSecrets": SECRETS}}},
            },
        ),
        (
            "kafka.strimzi.io",
            "Kafka",
            {"kafka": {"image": PRIVATE}},
            {"kafka": {"image": PROXIED, "template": {"pod": {"imagePullSecrets": SECRETS}}}},
        ),
    ],
)
def test_an_image_is_routed_and_its_pods_get_the_secret_where_the_resource_has_a_place(
    group: str, kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    made = rewrite(custom(group, kind, before), PULLS, "pull")
    assert made["spec"] == after
    assert rewrite(made, PULLS, "pull") == made


def test_what_is_no_reference_there_and_other_groups_are_left() -> None:
    assert find_images(custom("postgresql.cnpg.io", "Cluster", {"imageName": "{{ .image }}"})) == []
    assert find_images(custom("example.com", "Cluster", {"imageName": PRIVATE})) == []


def test_a_path_that_a_person_gives_comes_first() -> None:
    own = ImagePath("minio.min.io", "Tenant", "spec.image", "spec.mySecrets")
    (use,) = find_images(custom("minio.min.io", "Tenant", {"image": PRIVATE}), [own])
    assert use.pull_secrets == (("spec", "mySecrets"),)

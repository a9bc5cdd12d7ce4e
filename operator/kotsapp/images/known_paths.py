"""Where popular custom resources hold images outside pod specs (DESIGN 3), and the list that takes their pull secret.

Without a list the image is routed, and how its pods get the secret is their controller's affair: Rook's and MinIO's
pods have it by their account, an Elasticsearch by each of its node sets.
"""

from collections.abc import Iterator, Mapping

from kotsapp.images.image_path import ImagePath

_PODS = "imagePullSecrets"


def _paths() -> Iterator[ImagePath]:
    for kind in ("Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler"):
        yield ImagePath("monitoring.coreos.com", kind, "spec.image", f"spec.{_PODS}")
    yield ImagePath("monitoring.coreos.com", "Prometheus", "spec.thanos.image", f"spec.{_PODS}")
    yield ImagePath("postgresql.cnpg.io", "Cluster", "spec.imageName", f"spec.{_PODS}")
    for kind in ("ImageCatalog", "ClusterImageCatalog"):
        yield ImagePath("postgresql.cnpg.io", kind, "spec.images[*].image")
    yield ImagePath("elasticsearch.k8s.elastic.co", "Elasticsearch", "spec.image")
    yield ImagePath("beat.k8s.elastic.co", "Beat", "spec.image")
    yield ImagePath("agent.k8s.elastic.co", "Agent", "spec.image")
    for group, kind in (
        ("apm", "ApmServer"),
        ("enterprisesearch", "EnterpriseSearch"),
        ("kibana", "Kibana"),
        ("logstash", "Logstash"),
        ("maps", "ElasticMapsServer"),
    ):
        yield ImagePath(f"{group}.k8s.elastic.co", kind, "spec.image", f"spec.podTemplate.spec.{_PODS}")
    yield ImagePath("ceph.rook.io", "CephCluster", "spec.cephVersion.image")
    yield ImagePath("minio.min.io", "Tenant", "spec.image")
    for part in ("kafka", "zookeeper", "kafkaExporter", "cruiseControl"):
        yield ImagePath("kafka.strimzi.io", "Kafka", f"spec.{part}.image", f"spec.{part}.template.pod.{_PODS}")
    for part in ("topicOperator", "userOperator"):
        secrets = f"spec.entityOperator.template.pod.{_PODS}"
        yield ImagePath("kafka.strimzi.io", "Kafka", f"spec.entityOperator.{part}.image", secrets)
    for kind in ("KafkaConnect", "KafkaMirrorMaker2", "KafkaBridge"):
        yield ImagePath("kafka.strimzi.io", kind, "spec.image", f"spec.template.pod.{_PODS}")


def _by_kind() -> Mapping[tuple[str, str], tuple[ImagePath, ...]]:
    found: dict[tuple[str, str], tuple[ImagePath, ...]] = {}
    for path in _paths():
        found[path.group, path.kind] = (*found.get((path.group, path.kind), ()), path)
    return found


KNOWN_PATHS = _by_kind()

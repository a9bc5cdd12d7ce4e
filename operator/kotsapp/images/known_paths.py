"""Where popular custom resources hold images outside pod specs (DESIGN 3), and what takes their pull secret.

As their API types have it (ECK 3.5, MinIO's operator 7.1), and as Rook's guide to authenticated registries says.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kotsapp.images.image_path import ImagePath, Path, Step, children, parse_steps

_PODS = "imagePullSecrets"
# Of a pod template that may not be there yet.
_TEMPLATE = f"podTemplate.spec.{_PODS}"


class KnownPath(NamedTuple):
    """Images at ``path``. Each of ``secrets`` is what has to be there, and the list below it.

    ``otherwise`` is for a resource that has no place for a pull secret: how its pods get it.
    """

    path: ImagePath
    secrets: tuple[tuple[str, str], ...] = ()
    otherwise: str = ""

    def secret_lists(self, obj: Mapping[str, Any]) -> tuple[Path, ...]:
        """The lists of this very object."""
        found = ((base, below) for there, below in self.secrets for base in _places(obj, parse_steps(there)))
        return tuple((*base, *below.split(".")) for base, below in found)


def _places(value: Any, steps: tuple[Step, ...], at: Path = ()) -> Iterator[Path]:
    if not steps:
        if isinstance(value, Mapping):
            yield at
        return
    for key, child in children(value, steps[0]):
        yield from _places(child, steps[1:], (*at, key))


def _paths() -> Iterator[KnownPath]:
    def known(group: str, kind: str, path: str, *secrets: tuple[str, str], otherwise: str = "") -> KnownPath:
        return KnownPath(ImagePath(group, kind, path), secrets, otherwise)

    of_spec = ("spec", _PODS)
    for kind in ("Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler"):
        yield known("monitoring.coreos.com", kind, "spec.image", of_spec)
    yield known("monitoring.coreos.com", "Prometheus", "spec.thanos.image", of_spec)
    yield known("postgresql.cnpg.io", "Cluster", "spec.imageName", of_spec)
    for kind in ("ImageCatalog", "ClusterImageCatalog"):
        remedy = f"add it to spec.{_PODS} of each Cluster that uses the catalog"
        yield known("postgresql.cnpg.io", kind, "spec.images[*].image", otherwise=remedy)
    eck = "k8s.elastic.co"
    yield known(f"elasticsearch.{eck}", "Elasticsearch", "spec.image", ("spec.nodeSets[*]", _TEMPLATE))
    sets = (("spec.daemonSet", _TEMPLATE), ("spec.deployment", _TEMPLATE))
    yield known(f"beat.{eck}", "Beat", "spec.image", *sets)
    yield known(f"agent.{eck}", "Agent", "spec.image", *sets, ("spec.statefulSet", _TEMPLATE))
    for group, kind in (
        ("apm", "ApmServer"),
        ("enterprisesearch", "EnterpriseSearch"),
        ("kibana", "Kibana"),
        ("logstash", "Logstash"),
        ("maps", "ElasticMapsServer"),
    ):
        yield known(f"{group}.{eck}", kind, "spec.image", ("spec", _TEMPLATE))
    remedy = "add it to the ServiceAccounts rook-ceph-default, rook-ceph-mgr, rook-ceph-osd and rook-ceph-rgw"
    yield known("ceph.rook.io", "CephCluster", "spec.cephVersion.image", otherwise=remedy)
    yield known("minio.min.io", "Tenant", "spec.image", ("spec", "imagePullSecret"))
    for part in ("kafka", "zookeeper", "kafkaExporter", "cruiseControl"):
        yield known("kafka.strimzi.io", "Kafka", f"spec.{part}.image", (f"spec.{part}", f"template.pod.{_PODS}"))
    for part in ("topicOperator", "userOperator"):
        secrets = ("spec.entityOperator", f"template.pod.{_PODS}")
        yield known("kafka.strimzi.io", "Kafka", f"spec.entityOperator.{part}.image", secrets)
    for kind in ("KafkaConnect", "KafkaMirrorMaker2", "KafkaBridge"):
        yield known("kafka.strimzi.io", kind, "spec.image", ("spec", f"template.pod.{_PODS}"))


def _by_kind() -> Mapping[tuple[str, str], tuple[KnownPath, ...]]:
    found: dict[tuple[str, str], tuple[KnownPath, ...]] = {}
    for known in _paths():
        key = known.path.group, known.path.kind
        found[key] = (*found.get(key, ()), known)
    return found


KNOWN_PATHS = _by_kind()

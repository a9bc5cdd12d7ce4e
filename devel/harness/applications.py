"""Generated applications: every workload kind, every spelling of a reference, and a decision for each image."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from kotsapp.images.finder import find_images
from kotsapp.images.reference import parse
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains, Route, pull_reference

SLUG = "my-kots-app"
SECRET = "my-kots-app-registry"

DIGESTS = ("@sha256:" + "a" * 64, "@sha256:" + "0123456789abcdef" * 4, "@sha512:" + "b" * 128)
REPOSITORIES = (
    "redis",
    "library/redis",
    "docker.io/redis",
    "docker.io/library/redis",
    "index.docker.io/my-org/redis",
    "quay.io/my-org/api",
    "quay.io/my-org/api-worker",
    "quayXio/my-org/api".lower(),
    "quay-io/my-org/api",
    "ghcr.io/my-org/deep/er/api",
    "localhost:5000/api",
    "registry.example:8443/team/api",
    "[::1]:5000/api",
    "registry.replicated.com/my-kots-app/web",
    "proxy.replicated.com/proxy/my-kots-app/quay.io/my-org/api",
)
TAGS = ("", ":latest", ":v1", ":v2", ":1.2.3-rc_1")
DOMAINS = (Domains(), Domains(proxy="proxy.example.com", registry="registry.example.com"))

references = st.builds(
    lambda repository, tag, digest: repository + tag + digest,
    st.sampled_from(REPOSITORIES),
    st.sampled_from(TAGS),
    st.sampled_from(("", "", "", *DIGESTS)),
)
names = st.sampled_from(("main", "side", "init", "proxy"))


def containers(at_least: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    container = st.fixed_dictionaries({"image": references}, optional={"command": st.just(["sh", "-c", "sleep 1"])})
    return st.lists(container, min_size=at_least, max_size=3)


@st.composite
def pod_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A pod spec with containers of distinct names, sometimes init and ephemeral ones, volumes and pull secrets."""
    spec: dict[str, Any] = {"containers": draw(containers(1))}
    for field in ("initContainers", "ephemeralContainers"):
        if draw(st.booleans()):
            spec[field] = draw(containers(0))
    for prefix, field in (("c", "containers"), ("i", "initContainers"), ("e", "ephemeralContainers")):
        for index, container in enumerate(spec.get(field, [])):
            container["name"] = f"{prefix}{index}"
    if draw(st.booleans()):
        sources = draw(st.lists(st.one_of(references, st.none()), max_size=2))
        spec["volumes"] = [
            {"name": f"v{index}"} | ({"image": {"reference": source}} if source else {"emptyDir": {}})
            for index, source in enumerate(sources)
        ]
    if draw(st.booleans()):
        present = draw(st.lists(st.sampled_from(("zeta", "alpha", SECRET)), unique=True, max_size=3))
        spec["imagePullSecrets"] = [{"name": name} for name in present]
    return spec


def _template(spec: dict[str, Any]) -> dict[str, Any]:
    return {"template": {"metadata": {"labels": {"app": "a"}}, "spec": spec}}


WORKLOADS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "Pod": ("v1", lambda spec: {"spec": spec}),
    "PodTemplate": ("v1", _template),
    "ReplicationController": ("v1", lambda spec: {"spec": _template(spec)}),
    "ReplicaSet": ("apps/v1", lambda spec: {"spec": _template(spec)}),
    "Deployment": ("apps/v1", lambda spec: {"spec": {"replicas": 2} | _template(spec)}),
    "StatefulSet": ("apps/v1", lambda spec: {"spec": _template(spec)}),
    "DaemonSet": ("apps/v1", lambda spec: {"spec": _template(spec)}),
    "Job": ("batch/v1", lambda spec: {"spec": _template(spec)}),
    "CronJob": (
        "batch/v1",
        lambda spec: {"spec": {"schedule": "22 22 * * *", "jobTemplate": {"spec": _template(spec)}}},
    ),
    "Rollout": ("argoproj.io/v1alpha1", lambda spec: {"spec": _template(spec)}),
    "Service": ("serving.knative.dev/v1", lambda spec: {"spec": _template(spec)}),
    "JobSet": (
        "jobset.x-k8s.io/v1alpha2",
        lambda spec: {"spec": {"replicatedJobs": [{"name": "a", "template": {"spec": _template(spec)}}]}},
    ),
    "Prometheus": ("monitoring.coreos.com/v1", lambda spec: {"spec": spec}),
}


@st.composite
def workloads(draw: st.DrawFn, name: str = "app") -> dict[str, Any]:
    """One workload of any kind."""
    kind = draw(st.sampled_from(sorted(WORKLOADS)))
    version, body = WORKLOADS[kind]
    metadata: dict[str, Any] = {"name": name}
    if draw(st.booleans()):
        metadata["namespace"] = draw(st.sampled_from(("apps", "other")))
    if draw(st.booleans()):
        metadata["annotations"] = {"team": "on", "since": "2026-01-01"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body(draw(pod_specs()))}


CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"port": "22:22", "script": "#!/bin/sh\nimage: redis\n", "on": "yes", "empty": ""},
}


@st.composite
def applications(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Workloads of distinct names, and an object that must come through untouched."""
    count = draw(st.integers(1, 6))
    return [draw(workloads(f"app-{index}")) for index in range(count)] + [CONFIG_MAP]


@st.composite
def decisions(draw: st.DrawFn, objects: Sequence[dict[str, Any]]) -> dict[str, Pull]:
    """A route for every image of the objects, drawn for each reference by itself."""
    domains = draw(st.sampled_from(DOMAINS))
    pulls = {}
    for image in sorted({use.image for obj in objects for use in find_images(obj)}):
        reference = parse(image)
        if domains.is_proxy(reference.host):
            route = Route.PROXY
        elif domains.is_registry(reference.host):
            route = Route.REGISTRY
        else:
            route = draw(st.sampled_from((Route.PROXY, Route.PROXY, Route.DIRECT)))
        pulls[image] = Pull(pull_reference(reference, route, domains, SLUG), route.needs_secret)
    return pulls

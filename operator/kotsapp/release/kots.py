"""What KOTS' own documents ask for."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kotsapp.images.domains import is_domain
from kotsapp.images.finder import find_images
from kotsapp.images.podspec import group_kind
from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.regexes import regex
from kotsapp.release.annotations import Object, boolean, name

# Documents for the tools that install and support an app. No cluster has to know them, and none runs them.
_NEVER_APPLIED = frozenset(
    {
        "app.k8s.io",
        "cluster.kurl.sh",
        "embeddedcluster.replicated.com",
        "kots.io",
        "kurl.sh",
        "troubleshoot.replicated.com",
        "troubleshoot.sh",
    }
)
# The console takes backups by these; applied, each would be a backup or a restore, at once.
_BACKUP, _BACKUP_RUNS = "velero.io", frozenset({"Backup", "Restore"})
_TROUBLESHOOT = frozenset({"troubleshoot.replicated.com", "troubleshoot.sh"})
# Collectors that start a pod, by what names its image.
_WITH_IMAGE = frozenset({"collectd", "copyFromHost", "etcd", "goldpinger", "run", "sysctl"})
_WITH_POD_SPEC = frozenset({"runDaemonSet", "runPod"})
_NAMESPACE = regex(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class Application(NamedTuple):
    """What a ``kots.io/v1beta1`` Application says about images; None or empty where it says nothing.

    ``additional_namespaces`` are those in which the pull secret is expected, too, and ``unheeded_namespaces`` what is
    among them and names none, such as ``*``, for which the console watches every namespace. ``embedded_proxy_domain``
    is what an Embedded Cluster Config beside it says.
    """

    proxy_domain: str | None = None
    registry_domain: str | None = None
    proxy_public_images: bool = False
    additional_images: tuple[str, ...] = ()
    additional_namespaces: tuple[str, ...] = ()
    unheeded_namespaces: tuple[str, ...] = ()
    embedded_proxy_domain: str | None = None


def is_applied(obj: Object) -> bool:
    """Whether the object is for the cluster, not for the tools that install and support the app."""
    group, kind = group_kind(obj)
    return group not in _NEVER_APPLIED and not (group == _BACKUP and kind in _BACKUP_RUNS)


def is_support(obj: Object) -> bool:
    """Whether the object is for the tool that collects what a support case needs."""
    return group_kind(obj)[0] in _TROUBLESHOOT


def application(obj: Object, place: Place) -> Application:
    """Read an Application. Raises ManifestError for a field that has the wrong type."""
    spec = obj.get("spec")
    if spec is None:
        return Application()
    if not isinstance(spec, dict):
        raise ManifestError(place, f"spec of {name(obj)} is not a mapping")
    images = spec.get("additionalImages")
    if images is not None and not (isinstance(images, list) and all(isinstance(image, str) for image in images)):
        raise ManifestError(place, f"spec.additionalImages of {name(obj)} is not a list of strings")
    namespaces = spec.get("additionalNamespaces")
    if namespaces is not None and not (isinstance(namespaces, list) and all(isinstance(n, str) for n in namespaces)):
        raise ManifestError(place, f"spec.additionalNamespaces of {name(obj)} is not a list of strings")
    public = spec.get("proxyPublicImages")
    what = f"spec.proxyPublicImages of {name(obj)}"
    return Application(
        proxy_domain=_domain(spec, "proxyRegistryDomain", obj, place),
        registry_domain=_domain(spec, "replicatedRegistryDomain", obj, place),
        proxy_public_images=public is not None and boolean(public, what, place),
        additional_images=tuple(images or ()),
        additional_namespaces=tuple(dict.fromkeys(n for n in namespaces or () if _NAMESPACE.fullmatch(n))),
        unheeded_namespaces=tuple(dict.fromkeys(n for n in namespaces or () if not _NAMESPACE.fullmatch(n))),
    )


def embedded_proxy_domain(obj: Object) -> str | None:
    """The proxy that an Embedded Cluster Config names; None for every other object, and for what is no domain."""
    if group_kind(obj) != ("embeddedcluster.replicated.com", "Config"):
        return None
    spec = obj.get("spec")
    domains = spec.get("domains") if isinstance(spec, dict) else None
    domain = domains.get("proxyRegistryDomain") if isinstance(domains, dict) else None
    return domain if isinstance(domain, str) and is_domain(domain) else None


def _domain(spec: Mapping[str, Any], field: str, obj: Object, place: Place) -> str | None:
    domain = spec.get(field)
    if domain is None or domain == "":
        return None
    if not isinstance(domain, str) or not is_domain(domain):
        found = quote(domain) if isinstance(domain, str) else "not a string"
        problem = f"spec.{field} of {name(obj)} is {found}: write a host, such as images.example.com, without scheme"
        raise ManifestError(place, problem)
    return domain


def collector_images(obj: Object) -> Iterator[str]:
    """The images that a troubleshoot document's collectors run."""
    spec = obj.get("spec")
    if not is_support(obj) or not isinstance(spec, dict):
        return
    collectors = spec.get("collectors")
    for collector in collectors if isinstance(collectors, list) else ():
        if not isinstance(collector, dict):
            continue
        for kind, settings in collector.items():
            if not isinstance(settings, dict):
                continue
            if kind in _WITH_IMAGE:
                image = settings.get("image")
                if isinstance(image, str) and image:
                    yield image
            elif kind in _WITH_POD_SPEC:
                pod = {"apiVersion": "v1", "kind": "Pod", "spec": settings.get("podSpec")}
                for use in find_images(pod):
                    yield use.image

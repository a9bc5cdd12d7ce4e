"""What helm is shown of the cluster while a chart's ``lookup`` asks (DESIGN 6.5): paths read, discovery answered. Pure.

Helm maps every kind of a chart's output to a resource before it prints it, and at an install it asks for each of these
objects. Charts here bring definitions of their own kinds, and the objects are not Helm's to compare: so the discovery
from which it maps (the aggregated one) names resources that are never there, and ``lookup``, which asks for the list of
one group and version, gets the real ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.regexes import regex

AGGREGATED = "apidiscovery.k8s.io"
_NEVER_THERE = "mapped-"
_UNMAPPED = regex(rb'no matches for kind "([^"]{1,253})" in version "([^"]{1,253})"')


class Question(NamedTuple):
    """Objects of a group and version by their kind's plural; without a name all of them, without a namespace of all."""

    api_version: str
    plural: str
    namespace: str = ""
    name: str = ""


def version_in(path: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """The ``group/version`` that a path's segments begin with, and the segments behind it; None if there is none."""
    match path:
        case ["api", "v1", *rest]:
            return "v1", rest
        case ["apis", group, version, *rest]:
            return f"{group}/{version}", rest
    return None


def question_in(api_version: str, rest: Sequence[str]) -> Question | None:
    """What the segments behind ``group/version`` ask for; None for subresources and whatever else there is."""
    match rest:
        case ["namespaces", namespace, plural]:
            return Question(api_version, plural, namespace)
        case ["namespaces", namespace, plural, name]:
            return Question(api_version, plural, namespace, name)
        case [plural]:
            return Question(api_version, plural)
        case [plural, name]:
            return Question(api_version, plural, "", name)
    return None


def unmapped_kinds(complaint: bytes) -> frozenset[tuple[str, str]]:
    """The kinds (``group/version``, kind) for which helm says that it found no resource."""
    found = _UNMAPPED.findall(complaint)
    return frozenset((version.decode("utf-8", "replace"), kind.decode("utf-8", "replace")) for kind, version in found)


def kinds_in(api_versions: Iterable[str]) -> dict[str, list[str]]:
    """The kinds of each ``group/version``, from ``group/version`` and ``group/version/Kind`` as helm takes them."""
    kinds: dict[str, list[str]] = {}
    for served in api_versions:
        version, _, kind = served.rpartition("/")
        if version in kinds:
            kinds[version].append(kind)
        else:
            kinds[served] = []
    return kinds


def version(git_version: str) -> dict[str, str]:
    """The answer to ``/version``."""
    major, _, rest = git_version.lstrip("v").partition(".")
    return {"major": major, "minor": rest.partition(".")[0], "gitVersion": git_version}


def aggregated(
    kinds: Mapping[str, Iterable[str]], pretended: Iterable[tuple[str, str]], *, core: bool, form: str
) -> dict[str, Any]:
    """Aggregated discovery of the core group or of all others; ``form`` is ``v2`` or ``v2beta1``."""
    every = {version: list(found) for version, found in kinds.items()}
    for version, kind in sorted(pretended):
        every.setdefault(version, []).append(kind)
    groups: dict[str, list[dict[str, Any]]] = {}
    for api_version, found in every.items():
        group, _, version = api_version.rpartition("/")
        if bool(group) != core:
            resources = [_resource(group, version, kind) for kind in found]
            groups.setdefault(group, []).append({"version": version, "resources": resources, "freshness": "Current"})
    items = [{"metadata": {"name": group}, "versions": versions} for group, versions in groups.items()]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"{AGGREGATED}/{form}", "metadata": {}, "items": items}


def _resource(group: str, version: str, kind: str) -> dict[str, Any]:
    return {
        "resource": _NEVER_THERE + kind.lower(),
        "responseKind": {"group": group, "version": version, "kind": kind},
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": ["get", "list"],
    }


def kubeconfig(url: str) -> dict[str, Any]:
    """A kubeconfig whose one cluster is at ``url``, and which holds no credentials."""
    name = "lookup"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": ""}}],
        "current-context": name,
    }

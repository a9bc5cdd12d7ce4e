"""Specs of a KotsApp that nobody should be able to apply, and what is said about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "app"
GOOD: Mapping[str, Any] = {
    "license": {"secretRef": {"name": "my-license"}},
    "manifests": [{"configMapRef": {"name": "app-manifests"}}],
}


@dataclass(frozen=True, slots=True)
class BadSpec:
    """``refused`` is part of what the API server says, ``message`` of what the operator says; by CEL or by schema."""

    title: str
    changes: Mapping[str, Any]
    refused: str
    message: str
    cel: bool = False
    name: str = NAME

    @property
    def spec(self) -> dict[str, Any]:
        return {**GOOD, **self.changes}

    def __str__(self) -> str:
        return self.title.replace(" ", "-")


_REF = {"name": "one"}
_ONE_LICENSE = "exactly one of secretRef and configMapRef must be set"
_ONE_SOURCE = "exactly one of configMapRef, secretRef, inline, channelRelease and ociRef must be set"
_ONE_VERSION = "exactly one of version, tag and digest must be set"
_NO_CHART = "chart goes with ociRef, or with the configMapRef or secretRef of a chart's archive"


def _oci(**fields: Any) -> dict[str, Any]:
    return {"manifests": [{"ociRef": {"url": "oci://ghcr.io/shop", **fields}}]}


def _chart(**fields: Any) -> dict[str, Any]:
    return {"manifests": [{"configMapRef": _REF, "chart": fields}]}


BAD_SPECS = (
    BadSpec(
        "answers from nowhere",
        {"config": {"valuesFrom": [{}]}},
        _ONE_LICENSE,
        f"spec.config.valuesFrom[0]: {_ONE_LICENSE}",
        cel=True,
    ),
    BadSpec("no license ref", {"license": {}}, _ONE_LICENSE, f"spec.license: {_ONE_LICENSE}", cel=True),
    BadSpec(
        "two license refs",
        {"license": {"secretRef": _REF, "configMapRef": _REF}},
        _ONE_LICENSE,
        "spec.license",
        cel=True,
    ),
    BadSpec(
        "license ref without name", {"license": {"secretRef": {}}}, "spec.license.secretRef.name", "secretRef.name"
    ),
    BadSpec(
        "license name in capitals",
        {"license": {"secretRef": {"name": "My_License"}}},
        "spec.license.secretRef.name",
        "spec.license.secretRef.name: must be the name of an object, found 'My_License'",
    ),
    BadSpec(
        "license key with a slash",
        {"license": {"secretRef": {"name": "one", "key": "a/b"}}},
        "spec.license.secretRef.key",
        "spec.license.secretRef.key: 'a/b'",
    ),
    BadSpec(
        "a digest of no key",
        {"manifests": [{"configMapRef": {**_REF, "digest": "sha256:" + "0" * 64}}]},
        "digest is that of one key's content",
        "spec.manifests[0].configMapRef: digest is that of one key's content",
        cel=True,
    ),
    BadSpec(
        "a digest of another kind",
        {"manifests": [{"secretRef": {**_REF, "key": "a", "digest": "md5:" + "0" * 32}}]},
        "spec.manifests[0].secretRef.digest",
        "spec.manifests[0].secretRef.digest: must be sha256:",
    ),
    BadSpec("no manifests", {"manifests": []}, "spec.manifests", "spec.manifests: at least one source"),
    BadSpec("empty source", {"manifests": [{}]}, _ONE_SOURCE, f"spec.manifests[0]: {_ONE_SOURCE}", cel=True),
    BadSpec(
        "source with two",
        {"manifests": [{"inline": "a: b"}, {"inline": "a: b", "secretRef": _REF}]},
        _ONE_SOURCE,
        f"spec.manifests[1]: {_ONE_SOURCE}",
        cel=True,
    ),
    BadSpec(
        "two channels",
        {"manifests": [{"channelRelease": {}}, {"channelRelease": {"versionLabel": "1"}}]},
        "at most one channelRelease is possible",
        "spec.manifests: at most one channelRelease is possible",
        cel=True,
    ),
    BadSpec(
        "channel without version",
        {"manifests": [{"channelRelease": {"versionLabel": ""}}]},
        "spec.manifests[0].channelRelease.versionLabel",
        "spec.manifests[0].channelRelease: must be {}",
    ),
    BadSpec("looks too often", {"interval": "9s"}, "must be between 10s and 24h", "spec.interval: 9s", cel=True),
    BadSpec("oci without version", _oci(), _ONE_VERSION, f"spec.manifests[0].ociRef: {_ONE_VERSION}", cel=True),
    BadSpec("oci with two versions", _oci(tag="a", version="1"), _ONE_VERSION, f"ociRef: {_ONE_VERSION}", cel=True),
    BadSpec(
        "oci by https",
        _oci(url="https://ghcr.io/shop", tag="a"),
        "must begin with oci://, such as oci://ghcr.io/my-org/charts/shop",
        "spec.manifests[0].ociRef.url: 'https://ghcr.io/shop' must begin with oci://, such as oci://",
        cel=True,
    ),
    BadSpec(
        "oci with a tag in its url",
        _oci(url="oci://ghcr.io/shop:1.4.2", version="1"),
        "must be oci://HOST/REPOSITORY; tag, version and digest are fields of their own",
        "spec.manifests[0].ociRef.url: 'oci://ghcr.io/shop:1.4.2' must have no tag and no digest: they are fields",
        cel=True,
    ),
    BadSpec(
        "oci with a tag no registry has",
        _oci(tag="a b"),
        "spec.manifests[0].ociRef.tag",
        "spec.manifests[0].ociRef.tag: 'a b' is not a tag",
    ),
    BadSpec(
        "oci with half a digest",
        _oci(digest="sha256:0a1b"),
        "spec.manifests[0].ociRef.digest",
        "spec.manifests[0].ociRef.digest: 'sha256:0a1b' must be sha256: and 64 lower-case hexadecimal digits",
    ),
    BadSpec(
        "oci login without name", _oci(tag="a", secretRef={}), "ociRef.secretRef.name", "ociRef.secretRef.name: must be"
    ),
    BadSpec(
        "chart beside inline",
        {"manifests": [{"inline": "a: b", "chart": {}}]},
        _NO_CHART,
        "spec.manifests[0].chart: goes with ociRef, or with the configMapRef or secretRef of a chart's archive, not",
        cel=True,
    ),
    BadSpec(
        "chart of a release in capitals",
        _chart(releaseName="Shop"),
        "chart.releaseName",
        "spec.manifests[0].chart.releaseName: must be a name of lower-case letters, digits and dashes",
    ),
    BadSpec(
        "values from 17 objects",
        _chart(valuesFrom=[{"secretRef": _REF}] * 17),
        "valuesFrom",
        "at most 16 items are possible",
    ),
    BadSpec("values that are a list", _chart(values=[1]), "chart.values", "chart.values: must be an object"),
    BadSpec("values from nowhere", _chart(valuesFrom=[{}]), _ONE_LICENSE, "chart.valuesFrom[0]: exactly one", cel=True),
    BadSpec("empty inline", {"manifests": [{"inline": ""}]}, "spec.manifests[0].inline", "spec.manifests[0].inline"),
    BadSpec("65 sources", {"manifests": [{"configMapRef": _REF}] * 65}, "spec.manifests", "at most 64"),
    BadSpec("unknown verify", {"proxy": {"verify": "Perhaps"}}, "spec.proxy.verify", "one of Off, Report, Enforce"),
    BadSpec(
        "domain with a scheme",
        {"proxy": {"domain": "https://images.example.com"}},
        "spec.proxy.domain",
        "spec.proxy.domain: must be a lower-case host such as images.example.com",
    ),
    BadSpec("domain with a path", {"proxy": {"domain": "example.com/proxy"}}, "spec.proxy.domain", "spec.proxy.domain"),
    BadSpec(
        "domain in capitals",
        {"proxy": {"registryDomain": "Images.Example.com"}},
        "spec.proxy.registryDomain",
        "spec.proxy.registryDomain",
    ),
    BadSpec("public images as text", {"proxy": {"publicImages": "yes"}}, "spec.proxy.publicImages", "true or false"),
    BadSpec("interval without a unit", {"probe": {"interval": "60"}}, "spec.probe.interval", "'60' is not a duration"),
    BadSpec(
        "interval too short",
        {"probe": {"interval": "59s"}},
        "must be between 1m and 720h",
        "spec.probe.interval",
        cel=True,
    ),
    BadSpec(
        "interval too long",
        {"probe": {"interval": "721h"}},
        "must be between 1m and 720h",
        "spec.probe.interval",
        cel=True,
    ),
    BadSpec(
        "probe timeout of 0",
        {"probe": {"timeout": "0s"}},
        "must be between 100ms and 5m",
        "spec.probe.timeout",
        cel=True,
    ),
    BadSpec("timeout in days", {"timeout": "1d"}, "there are no days, 1d is 24h", "there are no days", cel=True),
    BadSpec("interval in days", {"probe": {"interval": "1d"}}, "there are no days, 1d is 24h", "24h for 1d", cel=True),
    BadSpec(
        "registry's domain with a scheme",
        {"proxy": {"registryDomain": "https://images.example.com"}},
        "must be a host such as images.example.com, without a scheme",
        "'https://images.example.com': leave out the scheme",
        cel=True,
    ),
    BadSpec("timeout of two days", {"timeout": "48h"}, "must be between 1s and 24h", "spec.timeout", cel=True),
    BadSpec("negative timeout", {"timeout": "-5m"}, "spec.timeout", "'-5m' is not a duration"),
    BadSpec("timeout past counting", {"timeout": "99999999999999h"}, "spec.timeout", "spec.timeout", cel=True),
    BadSpec(
        "unknown onUndecided", {"probe": {"onUndecided": "Guess"}}, "spec.probe.onUndecided", "one of Wait, Proxy, Keep"
    ),
    BadSpec("empty glob", {"probe": {"exclude": ["a/*", ""]}}, "spec.probe.exclude[1]", "spec.probe.exclude[1]"),
    BadSpec(
        "image path without kind",
        {"imagePaths": [{"group": "example.com", "path": "spec.image"}]},
        "spec.imagePaths[0].kind",
        "spec.imagePaths[0]: kind is missing",
    ),
    *(
        BadSpec(
            f"image path into a {kind}",
            {"imagePaths": [{"group": "", "kind": kind, "path": "data.password"}]},
            "of the core group only Pod, PodTemplate, ReplicationController and ConfigMap name images",
            f"spec.imagePaths[0]: a {kind} of the core group has no pods",
            cel=True,
        )
        for kind in ("Secret", "Service")
    ),
    BadSpec(
        "image path that starts with a dot",
        {"imagePaths": [{"group": "example.com", "kind": "Thing", "path": ".spec.image"}]},
        "spec.imagePaths[0].path",
        "it starts with a field name",
    ),
    BadSpec(
        "ignored field without path",
        {"ignoreFields": [{"group": "apps", "kind": "Deployment"}]},
        "spec.ignoreFields[0].path",
        "spec.ignoreFields[0]: path is missing",
    ),
    BadSpec(
        "ignored path that starts with a dot",
        {"ignoreFields": [{"group": "apps", "kind": "Deployment", "path": ".spec.replicas"}]},
        "spec.ignoreFields[0].path",
        "spec.ignoreFields[0].path: '.spec.replicas' is not a path: it starts with a field name",
    ),
    *(
        BadSpec(
            f"ignored {path}",
            {"ignoreFields": [{"group": "apps", "kind": "Deployment", "path": path}]},
            "of metadata only labels and annotations can be",
            "spec.ignoreFields[0].path: what says which object it is can't be ignored",
            cel=True,
        )
        for path in ("kind", "metadata", "metadata.name", "metadata['namespace']")
    ),
    BadSpec("pull secret name", {"pullSecret": {"name": "Registry!"}}, "spec.pullSecret.name", "spec.pullSecret.name"),
    BadSpec("account name", {"serviceAccountName": "a b"}, "spec.serviceAccountName", "spec.serviceAccountName"),
    BadSpec(
        "account name of 254", {"serviceAccountName": "a" * 254}, "spec.serviceAccountName", "spec.serviceAccountName"
    ),
    BadSpec("name of 64", {}, "metadata.name must be at most 63 characters", "metadata.name", cel=True, name="a" * 64),
)

# Fields that there are not: refused instead of ignored, since kubectl asks the API server to validate strictly.
UNKNOWN_FIELDS: tuple[dict[str, Any], ...] = (
    {"licence": {}},
    {"license": {"secretRef": {"name": "one", "namespace": "other"}}},
    {"manifests": [{"configMapRef": {"name": "one", "namespace": "other"}}]},
    {"proxy": {"verifyImages": True}},
    {"imagePaths": [{"group": "", "kind": "Thing", "path": "a", "pullSecrets": "b"}]},
)

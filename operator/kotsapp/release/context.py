"""What template calls are filled in with: facts of the license, the version, the cluster and the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kotsapp.images.routing import Domains

if TYPE_CHECKING:
    from kotsapp.license import License

# What KOTS itself says where nobody knows the cluster's version: it compares as the smallest one.
UNKNOWN_VERSION = "0.0.0+unknown"


@dataclass(frozen=True, slots=True)
class ReleaseVersion:
    """Which release of its channel this is, as far as its source says; ``sequence`` counts the app's releases.

    ``cursor`` is its place in the channel, empty for a release that comes from none; the domains are the channel's own.
    ``status_label`` is for status alone, where no channel says a version: nothing is rendered with it, or anew for it.
    """

    sequence: int = 0
    cursor: str = ""
    channel_name: str = ""
    version_label: str = ""
    release_notes: str = ""
    is_required: bool = False
    proxy_domain: str = ""
    registry_domain: str = ""
    status_label: str = field(default="", repr=False, compare=False)

    def to_status(self) -> dict[str, str | int]:
        """Of ``status.release``: which release of its channel it is; empty where nothing is known of it."""
        if not self.cursor:
            return {"versionLabel": self.status_label} if self.status_label else {}
        label = {"versionLabel": self.version_label} if self.version_label else {}
        return {**label, "channelSequence": int(self.cursor)}


# What the version of an API server says of who made it: its suffix, and KOTS's word.
_DISTRIBUTIONS = {"+k3s": "k3s", "+rke2": "rke2", "+k0s": "k0s", "-gke.": "gke", "-eks-": "eks"}


def distribution_of(version: str) -> str:
    """KOTS's word for the distribution whose API servers have such a version; empty for one that is not known."""
    return next((name for mark, name in _DISTRIBUTIONS.items() if mark in version), "")


class ClusterFacts(NamedTuple):
    """What a release may ask about the cluster: ``version`` as ``v1.37.2``, empty where there is none."""

    version: str = ""
    distribution: str = ""
    nodes: int = 0


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What calls are filled in with.

    ``docker_config`` is the content of the pull secret, base64 as in a Secret. ``local_images`` maps references to
    what pods pull instead, for ``LocalImageName``; a reference that isn't there stays as written.
    """

    license_fields: Mapping[str, str] = field(repr=False)
    docker_config: str = field(repr=False)
    pull_secret: str
    namespace: str
    domains: Domains
    local_images: Mapping[str, str] = field(default_factory=dict)
    version: ReleaseVersion = field(default_factory=ReleaseVersion)
    cluster: ClusterFacts = field(default_factory=ClusterFacts)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may be written into manifests, and into no message."""
        known = (self.docker_config, self.license_fields.get("licenseID", ""))
        return tuple(secret for secret in known if secret)


def license_fields(license_: "License") -> dict[str, str]:
    """What ``LicenseFieldValue`` answers, by name: the license's entitlements and its own fields."""
    fields = {name: "" if item.value is None else item.text for name, item in license_.entitlements.items()}
    return {
        **license_.settings,
        **fields,
        "appSlug": license_.app_slug,
        "channelName": license_.channel_name,
        "customerName": license_.customer_name,
        "licenseID": license_.license_id,
        "licenseId": license_.license_id,
        "licenseSequence": str(license_.license_sequence),
        "licenseType": license_.license_type,
        "replicatedProxyDomain": license_.proxy_domain or "",
    }


def constants(context: TemplateContext) -> dict[str, str | bool | int]:
    """What each function without arguments comes to, by its name. There is no local registry here."""
    version, cluster = context.version, context.cluster
    kubernetes = cluster.version.removeprefix("v") or UNKNOWN_VERSION
    major, _, rest = kubernetes.partition(".")
    known = kubernetes != UNKNOWN_VERSION
    return {
        "ChannelName": version.channel_name,
        "Cursor": version.cursor,
        "Distribution": cluster.distribution,
        "HTTPProxy": "",
        "HTTPSProxy": "",
        "HasLocalRegistry": False,
        "ImagePullSecretName": context.pull_secret,
        "IsAirgap": False,
        "IsKurl": False,
        "IsRequired": version.is_required,
        "KotsVersion": "",
        "KubernetesMajorVersion": major if known else "",
        "KubernetesMinorVersion": rest.partition(".")[0] if known else "",
        "KubernetesVersion": kubernetes,
        "LicenseDockerCfg": context.docker_config,
        "LocalRegistryAddress": "",
        "LocalRegistryHost": "",
        "LocalRegistryImagePullSecret": context.docker_config,
        "LocalRegistryNamespace": "",
        "Namespace": context.namespace,
        "NoProxy": "",
        "NodeCount": cluster.nodes,
        "PrivateCACert": "",
        "PrivateCACertNamespace": "",
        "ReleaseNotes": version.release_notes,
        "ReplicatedProxyDomain": context.domains.proxy,
        "ReplicatedRegistryDomain": context.domains.registry,
        "Sequence": version.sequence,
        "VersionLabel": version.version_label,
    }

"""KOTS's Installation document: which release of its channel a folder holds. ``kotsapp pull`` writes one.

It is what ``kots pull`` writes as ``userdata/installation.yaml``. Like every kots.io document it is applied nowhere.
"""

from collections.abc import Mapping
from typing import Any

from kotsapp.images.domains import is_domain
from kotsapp.release.context import ReleaseVersion

FILE_NAME = "installation.yaml"
API_VERSION, KIND = "kots.io/v1beta1", "Installation"


def document(version: ReleaseVersion, app_slug: str) -> dict[str, Any]:
    """The document of this release."""
    spec = {
        "updateCursor": version.cursor,
        "channelName": version.channel_name,
        "versionLabel": version.version_label,
        "isRequired": version.is_required,
        "releaseNotes": version.release_notes,
        "replicatedProxyDomain": version.proxy_domain,
        "replicatedRegistryDomain": version.registry_domain,
    }
    known = {name: value for name, value in spec.items() if value}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": app_slug}, "spec": known}


def version(found: Mapping[str, Any]) -> ReleaseVersion | None:
    """Which release an Installation names; None for any other document. What has another type counts as empty."""
    spec = found.get("spec")
    if (found.get("apiVersion"), found.get("kind")) != (API_VERSION, KIND) or not isinstance(spec, Mapping):
        return None

    def text(name: str) -> str:
        value = spec.get(name)
        return value if isinstance(value, str) else ""

    cursor, proxy, registry = text("updateCursor"), text("replicatedProxyDomain"), text("replicatedRegistryDomain")
    return ReleaseVersion(
        cursor=cursor if cursor.isascii() and cursor.isdigit() else "",
        channel_name=text("channelName"),
        version_label=text("versionLabel"),
        release_notes=text("releaseNotes"),
        is_required=spec.get("isRequired") is True,
        proxy_domain=proxy if is_domain(proxy) else "",
        registry_domain=registry if is_domain(registry) else "",
    )

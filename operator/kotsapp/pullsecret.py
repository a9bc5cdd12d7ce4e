"""The pull Secret: its name and what it holds."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from kotsapp.images.routing import Domains

SECRET_TYPE = "kubernetes.io/dockerconfigjson"  # noqa: S105 - the name of a type
SECRET_KEY = ".dockerconfigjson"  # noqa: S105 - the name of a key
# The literal user name that the vendor's proxy and registry expect; the license id is the password.
USER_NAME = "LICENSE_ID"


def default_name(app_slug: str) -> str:
    """The pull secret's name when ``spec.pullSecret.name`` gives none."""
    return f"{app_slug}-registry"


def dockerconfigjson(license_id: str, domains: Domains) -> bytes:
    """Compact JSON with sorted keys, byte for byte what KOTS writes. The license id is the password of every entry.

    Unlike KOTS, it opens the default proxy beside a custom one, if ``domains`` says that images are pulled from there.
    """
    auth = base64.b64encode(f"{USER_NAME}:{license_id}".encode()).decode()
    auths = {host: {"auth": auth} for host in domains.hosts}
    return json.dumps({"auths": auths}, sort_keys=True, separators=(",", ":")).encode()


def pull_secret(
    name: str, namespace: str, license_id: str, domains: Domains, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The Secret manifest to apply. ``labels`` mark the owner."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "type": SECRET_TYPE,
        "data": {SECRET_KEY: base64.b64encode(dockerconfigjson(license_id, domains)).decode()},
    }

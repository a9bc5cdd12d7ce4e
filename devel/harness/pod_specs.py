"""Objects with pod specs, and what is found in them."""

from typing import Any

from kotsapp.images.finder import find_images
from kotsapp.images.image_path import ImagePath, dotted


def obj(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def images(found: Any, *paths: ImagePath) -> list[str]:
    return [use.image for use in find_images(found, paths)]


def secret_places(found: Any, *paths: ImagePath) -> list[str | None]:
    return [dotted(*use.pull_secrets) if use.pull_secrets else None for use in find_images(found, paths)]


POD = {
    "initContainers": [{"name": "init", "image": "i"}],
    "containers": [{"name": "main", "image": "c"}],
    "ephemeralContainers": [{"name": "debug", "image": "e"}],
    "volumes": [{"name": "data", "image": {"reference": "v"}}, {"name": "tmp", "emptyDir": {}}],
}
TEMPLATE = {"template": {"spec": POD}}

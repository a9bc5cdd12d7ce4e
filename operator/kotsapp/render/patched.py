"""The objects of a release before and after their images were routed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.images.image_path import ImagePath
from kotsapp.images.podspec import find_images
from kotsapp.images.rewrite import Pull, rewrite

_FIRST = frozenset({"Namespace", "CustomResourceDefinition"})


@dataclass(frozen=True, slots=True)
class Patched:
    """One object. ``source`` is the name of the file it came from, or that it should go to; ``after`` shares with
    ``before`` what did not change, and is ``before`` itself where nothing did."""

    source: str
    before: dict[str, Any]
    after: dict[str, Any]


def patch(
    objects: Iterable[tuple[str, dict[str, Any]]],
    pulls: Mapping[str, Pull],
    secret_name: str,
    image_paths: Sequence[ImagePath] = (),
) -> list[Patched]:
    """Route the images of all objects, given with their source's name."""
    return [Patched(source, obj, rewrite(obj, pulls, secret_name, image_paths)) for source, obj in objects]


def secret_namespaces(
    objects: Iterable[Patched], pulls: Mapping[str, Pull], image_paths: Sequence[ImagePath] = ()
) -> list[str | None]:
    """The namespaces in which pods need the pull secret, sorted; None first, for objects that name no namespace."""
    needing = {reference for reference, pull in pulls.items() if pull.needs_secret}
    namespaces = {
        namespace(obj.before)
        for obj in objects
        if any(use.image in needing for use in find_images(obj.before, image_paths))
    }
    return sorted(namespaces, key=lambda name: name or "")


def in_order(objects: Iterable[Patched], secrets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rewritten objects as ``kubectl apply`` can take them in one go: what others are put into and made of first,
    then the pull secrets, then the rest as the manifests have it."""
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for obj in objects:
        (first if obj.after.get("kind") in _FIRST else rest).append(obj.after)
    return [*first, *secrets, *rest]


def namespace(obj: Mapping[str, Any]) -> str | None:
    """The namespace that an object names, None without one."""
    return _metadata(obj, "namespace")


def name(obj: Mapping[str, Any]) -> str | None:
    """The object's name, None when the API server is to make one up."""
    return _metadata(obj, "name")


def title(obj: Mapping[str, Any]) -> str:
    """How messages call an object: ``Deployment/web``, with ``namespace/`` before the name if it has one."""
    parts = [str(obj.get("kind", "")), namespace(obj), name(obj) or f"{_metadata(obj, 'generateName') or ''}*"]
    return "/".join(part for part in parts if part)


def _metadata(obj: Mapping[str, Any], field: str) -> str | None:
    metadata = obj.get("metadata")
    value = metadata.get(field) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and value else None

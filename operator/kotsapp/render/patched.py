"""The objects of a release before and after their images were routed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.images.accounts import NO_SECRETS, by_namespace, secrets_in_manifests
from kotsapp.images.finder import images_of
from kotsapp.images.image_path import ImagePath
from kotsapp.images.podspec import ImageUse, group_kind
from kotsapp.images.rewrite import Pull, rewrite_uses
from kotsapp.manifests.scope import cluster_scoped

_FIRST = frozenset({"Namespace", "CustomResourceDefinition"})


class Found(NamedTuple):
    """One object, which is not a list, with its images. ``source`` is the name of the file that it came from."""

    source: str
    obj: dict[str, Any]
    uses: tuple[ImageUse, ...]


class Patched(NamedTuple):
    """One object before and after. ``after`` shares with ``before`` what did not change, and is ``before`` itself where
    nothing did. ``needs_secret`` says that its pods pull something with the license."""

    source: str
    before: dict[str, Any]
    after: dict[str, Any]
    needs_secret: bool = False


def find(objects: Iterable[tuple[str, dict[str, Any]]], image_paths: Sequence[ImagePath] = ()) -> list[Found]:
    """Find the images of all objects, given with their source's name."""
    return [Found(source, obj, tuple(images_of(obj, image_paths))) for source, obj in objects]


def patch(objects: Iterable[Found], pulls: Mapping[str, Pull], secret_name: str) -> list[Patched]:
    """Route the images of all objects. Pods keep what their account carries, as far as a manifest shows."""
    objects = list(objects)
    accounts = by_namespace(secrets_in_manifests(found.obj for found in objects))
    needing = {reference for reference, pull in pulls.items() if pull.needs_secret}
    return [
        Patched(
            found.source,
            found.obj,
            rewrite_uses(
                found.obj, found.uses, pulls, secret_name, accounts.get(namespace(found.obj) or "", NO_SECRETS)
            ),
            any(use.image in needing for use in found.uses),
        )
        for found in objects
    ]


def placed(objects: Sequence[Patched], into: str) -> list[Patched]:
    """Put into the namespace ``into`` what names none and is of a kind that is in one, as the operator does."""
    scoped = cluster_scoped(obj.before for obj in objects)
    return [
        obj
        if namespace(obj.after) or group_kind(obj.after) in scoped
        else obj._replace(after={**obj.after, "metadata": {**(obj.after.get("metadata") or {}), "namespace": into}})
        for obj in objects
    ]


def secret_namespaces(objects: Iterable[Patched], *, app: bool = False) -> list[str | None]:
    """The namespaces in which pods need the pull secret, sorted; None first, for objects that name no namespace, or
    where it has to be in the ``app``'s own."""
    needed = {namespace(obj.before) for obj in objects if obj.needs_secret}
    return sorted(needed | ({None} if app else set()), key=lambda name: name or "")


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

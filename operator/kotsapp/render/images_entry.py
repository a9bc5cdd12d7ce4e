"""What kustomize's ``images:`` does to an object, as kustomize 5 does it.

An entry renames every reference of one repository, wherever its name matches as a regular expression, in the lists
``containers`` and ``initContainers`` at any depth of any object but a CustomResourceDefinition, and in the image
volumes of two paths. It never looks at ephemeral containers, or at digests other than SHA-256.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kotsapp.images.image_path import Path
from kotsapp.regexes import regex

_LISTS = ("containers", "initContainers")
# Where kustomize's own field table looks; here it insists on the types of a pod spec, whatever the kind.
_POD_SPECS: tuple[Path, ...] = (("spec",), ("spec", "template", "spec"))
_SUFFIX = regex(r"(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?")


@dataclass(frozen=True, slots=True)
class Site:
    """A place that an ``images:`` entry looks at, and the text there."""

    path: Path
    image: str


class ShapeError(ValueError):
    """kustomize's ``images:`` stops with an error, or changes something else, at an object of this shape."""


def sites(obj: dict[str, Any]) -> Iterator[Site]:
    """Every place of an object that an entry looks at. Raises ShapeError."""
    if obj.get("kind") == "CustomResourceDefinition":
        return
    for path in _POD_SPECS:
        yield from _volumes(_pod_spec(obj, path), path)
    yield from _listed(obj, ())


def name_lengths(image: str) -> list[int]:
    """How long an entry's name has to be to match: what comes after it in the reference is a tag and a digest.

    The name is a regular expression to kustomize. In a repository's name the dot is the only character with a meaning
    there, so that a name matches as many characters as it has.
    """
    ends = [match.start() for match in re.finditer("[:@]", image)]
    return [end for end in (*ends, len(image)) if _SUFFIX.fullmatch(image, end)]


def _pod_spec(obj: dict[str, Any], path: Path) -> dict[str, Any]:
    value: Any = obj
    for key in path:
        value = value.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ShapeError
    for field in (*_LISTS, "volumes"):
        if field in value and not isinstance(value[field], list):
            raise ShapeError
    return dict(value)


def _listed(value: Any, path: Path) -> Iterator[Site]:
    if isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, (dict, list)):
                yield from _listed(child, (*path, index))
    elif isinstance(value, dict):
        for key, child in value.items():
            if isinstance(child, (dict, list)):
                yield from _listed(child, (*path, key))
                if key in _LISTS and isinstance(child, list):
                    yield from _containers(child, (*path, key))


def _containers(containers: list[Any], path: Path) -> Iterator[Site]:
    for index, container in enumerate(containers):
        if not isinstance(container, dict) or isinstance(container.get("image"), (dict, list)):
            raise ShapeError
        if isinstance(container.get("image"), str):
            yield Site((*path, index, "image"), container["image"])


def _volumes(spec: dict[str, Any], path: Path) -> Iterator[Site]:
    for index, volume in enumerate(spec.get("volumes", [])):
        source = volume.get("image") if isinstance(volume, dict) else volume
        if source is None and isinstance(volume, dict):
            continue
        if not isinstance(source, dict) or isinstance(source.get("reference"), (dict, list)):
            raise ShapeError
        if isinstance(source.get("reference"), str):
            yield Site((*path, "volumes", index, "image", "reference"), source["reference"])

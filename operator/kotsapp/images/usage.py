"""Who uses which image: of objects, and of those that are asked for without an object. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kotsapp.images.finder import find_images
from kotsapp.images.image_path import ImagePath
from kotsapp.images.podspec import ImageUse
from kotsapp.images.reference import InvalidReferenceError, Reference, parse
from kotsapp.text import listed

Users = Mapping[str, Sequence[str]]
# Of a user list that is shown in a sentence.
MAX_SHOWN = 5
LOCAL_IMAGE_NAME = "LocalImageName"


class InvalidImagesError(ValueError):
    """Images that are no references; each problem names who uses it, and the message the first of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(listed(problems, MAX_SHOWN, "; "))
        self.problems = tuple(problems)


NamedUses = Sequence[tuple[str, Sequence[ImageUse]]]


def uses_of(objects: Iterable[Mapping[str, Any]], image_paths: Sequence[ImagePath] = ()) -> NamedUses:
    """The images of each object, by its ``Kind/name``."""
    return [(f"{o.get('kind')}/{(o.get('metadata') or {}).get('name')}", find_images(o, image_paths)) for o in objects]


def without_place(named: NamedUses) -> dict[str, str]:
    """Of each image that stands where no pull secret can be named: who has it, and how their pods may get the secret
    that the image needs if it is routed."""
    found: dict[str, dict[str, str]] = {}
    for name, uses in named:
        for use in uses:
            if not use.pull_secrets:
                found.setdefault(use.image, {})[name] = use.otherwise
    return {
        image: f"{listed(list(users), MAX_SHOWN)} can't give its pods the pull secret: {next(iter(users.values()))}"
        for image, users in found.items()
    }


def collect_users(
    named: Iterable[tuple[str, Iterable[ImageUse]]], reported: Users | None = None, local_images: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Every distinct image with the names of its users, in the order given.

    ``reported`` are images that no object runs, by who asks for them; ``local_images`` are asked for by template
    calls.
    """
    users: dict[str, dict[str, None]] = {}
    for name, uses in named:
        for use in uses:
            users.setdefault(use.image, {})[name] = None
    for image, names in (reported or {}).items():
        users.setdefault(image, {}).update(dict.fromkeys(names))
    for image in local_images:
        users.setdefault(image, {})[LOCAL_IMAGE_NAME] = None
    return {image: list(names) for image, names in users.items()}


def parse_used(users: Users) -> list[Reference]:
    """The references; raises InvalidImagesError that names those that are none."""
    references, problems = [], []
    for image, names in users.items():
        try:
            references.append(parse(image))
        except InvalidReferenceError as error:
            problems.append(f"{listed(names, MAX_SHOWN)}: {error}; fix it in the manifests")
    if problems:
        raise InvalidImagesError(problems)
    return references

"""The images of a release, and objects that are in it twice."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kotsapp.images.finder import find_images
from kotsapp.images.reference import InvalidReferenceError, parse
from kotsapp.kube.objects import Identity, key_of
from kotsapp.lint.findings import Finding, Level, Location
from kotsapp.release import kots

Object = Mapping[str, Any]
# An image, who asks for it, and where.
Use = tuple[str, str, Location]


def images_of(obj: Object) -> list[str]:
    """Every image that an object runs, or a support document's collectors do, each once."""
    found = [*(use.image for use in find_images(obj)), *kots.collector_images(obj)]
    return list(dict.fromkeys(found if kots.is_applied(obj) else kots.collector_images(obj)))


def invalid(uses: Iterable[Use], unsure: Collection[Location]) -> Iterator[Finding]:
    """Images that are no references; ``unsure`` are documents in which something is not known yet."""
    for image, user, location in dict.fromkeys(uses):
        try:
            reference = parse(image)
        except InvalidReferenceError as error:
            level = Level.NOTE if location in unsure else Level.ERROR
            yield Finding("image-reference", level, f"{user}: {error}; fix it in the manifests", location)
            continue
        if reference.refused_for is not None:
            message = f"{user}: container runtimes refuse {image} for {reference.refused_for}: fix it in the manifests"
            yield Finding("image-reference", Level.ERROR, message, location)


def twice(objects: Sequence[tuple[Object, Location]]) -> Iterator[Finding]:
    """Objects that are defined a second time, at the second place."""
    first: dict[Identity, Location] = {}
    for obj, location in objects:
        key = key_of(obj)
        if key.name and kots.is_applied(obj):
            before = first.setdefault(key.identity, location)
            if before is not location:
                message = f"{key} is defined at {before} already: an object can be there once, remove one"
                yield Finding("object-twice", Level.ERROR, message, location)

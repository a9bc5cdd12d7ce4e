"""What looks like an image where nobody looks for one: reported, never touched (DESIGN 3).

A variable, an argument, a ConfigMap's value, a custom resource's field: whether something is pulled by it only its
reader knows. So it is reported with the ``imagePaths`` entry that would route it. A text counts that names a registry
and a tag or digest, or that the release names elsewhere as an image; or one with a tag in a field that is called image.
A plain word never does.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kotsapp.images.finder import find_images
from kotsapp.images.image_path import Path, dotted, dotted_by_name
from kotsapp.images.podspec import MAX_NESTING, group_kind
from kotsapp.images.reference import InvalidReferenceError, Reference, parse
from kotsapp.images.shape import PATTERN_GROUPS
from kotsapp.images.usage import NamedUses
from kotsapp.regexes import regex

# More than a person goes through; a release that has more has them in one place, over and over.
MAX_UNHANDLED = 200
# A reference has at most 255 characters and a digest of 128.
_MAX_REFERENCE = 512
# Of a field's or flag's name: a key of a ConfigMap has at most 253 characters.
_MAX_NAME = 253
# Of all objects together: dashboards and scripts in ConfigMaps have a tenth of it.
MAX_TEXT = 4 * 1024 * 1024

SPLIT = "it is split over several fields, which no imagePaths entry puts together"
PART = "it is a part of a longer text, which no imagePaths entry changes"

_REGISTRIES = frozenset(
    {
        "cgr.dev",
        "docker.io",
        "gcr.io",
        "ghcr.io",
        "icr.io",
        "index.docker.io",
        "lscr.io",
        "mcr.microsoft.com",
        "nvcr.io",
        "public.ecr.aws",
        "quay.io",
    }
)
_REGISTRY_ENDS = (".gcr.io", ".pkg.dev", ".azurecr.io", ".icr.io")
_REGISTRY_STARTS = ("registry.", "registry-1.", "docker.")
_AMAZON = regex(r"[0-9]+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")

# What Kubernetes keeps of objects, rules and definitions name no image that is pulled; Secrets are quoted nowhere.
_NOT_SEARCHED = frozenset(
    {
        *PATTERN_GROUPS,
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "rbac.authorization.k8s.io",
    }
)
_NOT_SEARCHED_AT_TOP = frozenset({"apiVersion", "kind", "metadata", "status"})
# Fields of pods that are half of a workload and name no image.
_WITHOUT_IMAGES = frozenset(
    {
        "affinity",
        "labels",
        "limits",
        "livenessProbe",
        "matchLabels",
        "readinessProbe",
        "requests",
        "securityContext",
        "startupProbe",
        "tolerations",
        "volumeMounts",
    }
)
_WORD = regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_OTHER_THAN_IMAGES = frozenset(
    {"policy", "secret", "secrets", "tag", "version", "size", "proxy", "path", "dir", "cache"}
)
# What a reference consists of; most texts are ruled out by that, at no cost.
_PLAUSIBLE = regex(
    r"[A-Za-z0-9_.@-]+(?::[A-Za-z0-9_.@-]+)?(?:/[a-z0-9_.-]+)*+(?::[A-Za-z0-9_.-]+)?(?:@sha[0-9]+:[a-f0-9]+)?"
)
_IN_TEXT = regex(
    r"(?<![\w.:/@-])"
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)++[a-z]{2,}(?::[0-9]+)?/[a-z0-9][a-z0-9._/-]*"
    r"(?::[\w][\w.-]*)?(?:@sha256:[a-f0-9]{64})?"
)


class UnhandledImage(NamedTuple):
    """A text that looks like an image.

    ``user`` is the ``Kind/name`` of its object, ``place`` where it stands in it. ``entry`` is the path of the
    ``imagePaths`` entry for this group and kind that would route it; where it is empty, ``reason`` says why there is
    none.
    """

    image: str
    user: str
    place: str
    group: str
    kind: str
    entry: str = ""
    reason: str = ""

    def to_status(self) -> dict[str, Any]:
        """An entry of ``status.unhandledImages``."""
        entry = {"group": self.group, "kind": self.kind, "path": self.entry} if self.entry else None
        fields = {
            "image": self.image,
            "object": self.user,
            "path": self.place,
            "imagePath": entry,
            "message": self.reason,
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def qualified_kind(self) -> str:
        return f"{self.group}/{self.kind}" if self.group else self.kind


def find_unhandled(objects: Sequence[Mapping[str, Any]], others: Iterable[str] = ()) -> tuple[UnhandledImage, ...]:
    """What looks like an image, at most ``MAX_UNHANDLED``; ``others`` are images that are known of elsewhere.

    Never raises. In how many objects and at how many places one stands doesn't matter: each is a place of its own.
    """
    handled = [{use.path: use.image for use in find_images(obj)} for obj in objects]
    known = {*others, *(image for of_object in handled for image in of_object.values())}
    search = _Search(known)
    for obj, places in zip(objects, handled, strict=True):
        search.search(obj, places)
        if len(search.found) >= MAX_UNHANDLED:
            break
    return tuple(search.found)


def still_unhandled(found: Iterable[UnhandledImage], named: NamedUses) -> tuple[UnhandledImage, ...]:
    """Those of ``found`` that stand at no place where an image is handled, by paths that somebody named since."""
    found = tuple(found)
    handled = {(user, dotted(use.path)) for user, uses in named for use in uses} if found else ()
    return tuple(one for one in found if (one.user, one.place) not in handled)


class _Search:
    """Over all objects of a release; ``known`` are its images, whose registries count as registries."""

    def __init__(self, known: Collection[str]) -> None:
        self.found: list[UnhandledImage] = []
        self._known = known
        references = [reference for image in known if (reference := _reference(image)) is not None]
        self._hosts = {reference.host for reference in references if reference.domain is not None}
        self._left = MAX_TEXT
        # Of the object that is searched: path, image, and why no entry routes it.
        self._at: list[tuple[Path, str, str]] = []

    def search(self, obj: Mapping[str, Any], handled: Collection[Path]) -> None:
        group, kind = group_kind(obj)
        if group in _NOT_SEARCHED or (group, kind) == ("", "Secret"):
            return
        user = f"{kind}/{(obj.get('metadata') or {}).get('name')}"
        self._fields({key: value for key, value in obj.items() if key not in _NOT_SEARCHED_AT_TOP}, [])
        for path, image, reason in self._at:
            if path not in handled and len(self.found) < MAX_UNHANDLED:
                entry = "" if reason else dotted_by_name(obj, path)
                self.found.append(UnhandledImage(image, user, dotted(path), group, kind, entry, reason))
        self._at.clear()

    def _walk(self, value: Any, name: str, path: list[str | int]) -> None:
        """Note what is in a field of this name; ``path`` is the one list that all of the walk shares.

        Most values are short texts that hold no image: they are told apart before anything is called for them.
        """
        if value.__class__ is str:
            if "/" in value or ":" in value:
                self._at += [(tuple(path), image, reason) for image, reason in self._in_value(value, name)]
        elif len(path) > MAX_NESTING:
            return
        elif isinstance(value, list):
            self._items(value, name, path)
        elif "repository" in value and (image := self._split(value, name)) is not None:
            self._at.append((tuple(path), image, SPLIT))
        elif name == "metadata":  # of a pod template: what steers a webhook or an agent is in its annotations
            self._fields({"annotations": value.get("annotations")}, path)
        else:
            self._fields(value, path)

    def _items(self, items: Sequence[Any], name: str, path: list[str | int]) -> None:
        called = name
        for index, child in enumerate(items):
            kind = child.__class__
            if kind is dict or kind is list or (kind is str and ("/" in child or ":" in child)):
                path.append(index)
                self._walk(child, called, path)
                path.pop()
            called = child if kind is str and child.startswith("-") else name

    def _fields(self, fields: Mapping[str, Any], path: list[str | int]) -> None:
        for key, child in fields.items():
            kind = child.__class__
            if (kind is str and ("/" in child or ":" in child)) or (
                (kind is dict or kind is list) and key not in _WITHOUT_IMAGES
            ):
                variable = fields.get("name") if key == "value" else None
                path.append(key)
                self._walk(child, variable if isinstance(variable, str) else str(key), path)
                path.pop()

    def _in_value(self, value: str, name: str) -> Iterator[tuple[str, str]]:
        if ":" not in value and not _names_image(name):
            return  # without a tag or digest only a field's name makes it one
        if len(value) <= _MAX_REFERENCE:
            if self._is_image(value, name):
                yield value, ""
                return
            flag, equals, rest = value.partition("=")
            if equals and self._is_image(rest, flag):
                yield rest, PART
                return
        self._left -= len(value)
        if self._left < 0 or "/" not in value:
            return
        found = dict.fromkeys(one[0] for one in _IN_TEXT.finditer(value) if not _is_comment(value, one.start()))
        yield from ((image, PART) for image in (one.rstrip(".") for one in found) if self._is_image(image, ""))

    def _split(self, value: Mapping[str, Any], name: str) -> str | None:
        """The image of a mapping such as ``{registry, repository, tag}``, as charts' values have it."""
        registry, repository, tag = (value.get(field) for field in ("registry", "repository", "tag"))
        if not (isinstance(repository, str) and isinstance(tag, (str, int, float))) or isinstance(tag, bool):
            return None
        start = f"{registry.rstrip('/')}/" if isinstance(registry, str) and registry else ""
        image = f"{start}{repository}:{tag}"
        return image if self._is_image(image, name) else None

    def _is_image(self, text: str, name: str) -> bool:
        """Whether a whole text is one, in a field, variable or flag of this name."""
        reference = _reference(text) if _PLAUSIBLE.fullmatch(text) else None
        if reference is None or reference.path.startswith("proxy/"):  # as LocalImageName has answered
            return False
        if text in self._known:
            return bool(reference.suffix) or "/" in text
        if not reference.suffix:
            return reference.domain is not None and self._is_registry(reference.host) and _names_image(name)
        return (reference.domain is not None and self._is_registry(reference.host)) or _names_image(name)

    def _is_registry(self, host: str) -> bool:
        return (
            host in self._hosts
            or host in _REGISTRIES
            or host.startswith(_REGISTRY_STARTS)
            or host.endswith(_REGISTRY_ENDS)
            or _AMAZON.fullmatch(host) is not None
        )


def _reference(text: str) -> Reference | None:
    try:
        return parse(text)
    except InvalidReferenceError:
        return None


def _is_comment(text: str, position: int) -> bool:
    line = text[text.rfind("\n", 0, position) + 1 : position].lstrip()
    return line.startswith(("#", "//"))


def _names_image(name: str) -> bool:
    words = {word.lower() for word in _WORD.findall(name[:_MAX_NAME])}
    return "image" in words and words.isdisjoint(_OTHER_THAN_IMAGES)

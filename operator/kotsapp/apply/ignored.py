"""Fields of objects that somebody else fills in: they are never applied, and so never drift (DESIGN 2). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.images.image_path import InvalidImagePathError, Step, children, parse_steps
from kotsapp.kube.objects import ObjectKey

Object = Mapping[str, Any]

# What an object is, and whose; the rest of an object's metadata is the API server's.
_FIXED = ("apiVersion", "kind", "metadata")
_METADATA = ("labels", "annotations")
# A line break in base64: what some charts write where a certificate is to come.
_NO_BUNDLES = (None, "", "Cg==")
_HOOK = "webhooks[*].clientConfig.caBundle"
_BUNDLES: Mapping[tuple[str, str], str] = {
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _HOOK,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _HOOK,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): "spec.conversion.webhook.clientConfig.caBundle",
    ("apiregistration.k8s.io", "APIService"): "spec.caBundle",
}
_BUNDLE_STEPS = {kind: parse_steps(path) for kind, path in _BUNDLES.items()}


class InvalidIgnoredFieldError(ValueError):
    """The path can't be one of an ignored field. The message says why."""


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field of the objects of one kind, of one of them where there is a ``name``.

    ``group`` is the API group (empty for the core group), ``path`` is written as an image path is. Raises
    InvalidIgnoredFieldError.
    """

    group: str
    kind: str
    path: str
    name: str | None = None
    steps: tuple[Step, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            steps = parse_steps(self.path)
        except InvalidImagePathError as error:
            raise InvalidIgnoredFieldError(error.problem) from None
        if steps[0] in _FIXED and not (steps[0] == "metadata" and len(steps) > 1 and steps[1] in _METADATA):
            raise InvalidIgnoredFieldError(
                "what says which object it is can't be ignored; of metadata only labels and annotations can be"
            )
        if (self.group, self.kind, steps[0]) == ("", "Secret", "stringData"):
            steps = ("data", *steps[1:])  # where the API server keeps it
        object.__setattr__(self, "steps", steps)

    def matches(self, key: ObjectKey) -> bool:
        return key.group_kind == (self.group, self.kind) and self.name in (None, key.name)


def ignored_steps(key: ObjectKey, ignored: Iterable[IgnoredField]) -> tuple[tuple[Step, ...], ...]:
    """The paths of an object's fields that are ignored."""
    return tuple(one.steps for one in ignored if one.matches(key))


def without(value: Any, steps: Sequence[Step]) -> Any:
    """The value without what is at the path; as it is where there is nothing.

    What has nothing left in it goes, too: applied empty, it would still be a claim.
    """
    found = {name for name, _ in children(value, steps[0])}
    if not found:
        return value
    rest = steps[1:]
    kept = {
        name: without(child, rest) if name in found else child
        for name, child in (enumerate(value) if isinstance(value, list) else value.items())
        if rest or name not in found
    }
    if isinstance(value, list):
        return list(kept.values())
    return {name: child for name, child in kept.items() if child != {} or value[name] == {}}


def without_empty_bundles(obj: Object, key: ObjectKey) -> Object:
    """The object without ``caBundle`` fields that hold nothing: cert-manager, or whoever it is, fills them in."""
    steps = _BUNDLE_STEPS.get(key.group_kind)
    return obj if steps is None else _without_bundles(obj, steps)


def _without_bundles(value: Any, steps: Sequence[Step]) -> Any:
    if not isinstance(value, Mapping | list):
        return value
    changed = dict(enumerate(value) if isinstance(value, list) else value.items())
    for name, child in children(value, steps[0]):
        if steps[1:]:
            changed[name] = _without_bundles(child, steps[1:])
        elif child in _NO_BUNDLES:
            del changed[name]
    return list(changed.values()) if isinstance(value, list) else changed

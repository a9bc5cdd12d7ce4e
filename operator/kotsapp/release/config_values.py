"""Answers to a release's Config: values by the items' names, from ConfigValues documents or plain maps (DESIGN 6.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.images.podspec import group_kind
from kotsapp.manifests.errors import ManifestError, Place, quote

# As a ConfigValues document says it: text that was encrypted with a key that only the console has stands in ``value``.
_PLAIN = ("valuePlaintext", "dataPlaintext", "value", "data")

Scalar = str | bool | int | float
# What stands under a key of an object: it may be a file's own bytes.
Answer = Scalar | bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """Values by name, in the types they were written in, bytes for the content of a key; ``filenames`` of file items;
    ``rows`` maps the name of a repeatable item's further value to that item's."""

    values: Mapping[str, Answer] = field(default_factory=dict, repr=False)
    filenames: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)

    def over(self, below: "Answers") -> "Answers":
        """These answers, and those below where there is none here."""
        return Answers(
            {**below.values, **self.values}, {**below.filenames, **self.filenames}, {**below.rows, **self.rows}
        )


def is_config_values(obj: Mapping[str, Any]) -> bool:
    return group_kind(obj) == ("kots.io", "ConfigValues")


def merged(answers: Iterable[Answers]) -> Answers:
    """Later ones win."""
    result = Answers()
    for one in answers:
        result = one.over(result)
    return result


def read(obj: Mapping[str, Any], place: Place) -> Answers:
    """A ConfigValues document, or a map whose keys are items' names. Raises ManifestError."""
    if is_config_values(obj):
        return _document(obj, place)
    if "apiVersion" in obj and "kind" in obj:
        problem = f"is a {quote(str(obj['kind']))}, not a ConfigValues document or a map of items' names to values"
        raise ManifestError(place, f"{problem}: kotsapp config -o yaml writes one to fill in")
    return Answers(
        {str(name): _scalar(value, f"the value of {quote(str(name))}", place) for name, value in obj.items()}
    )


def _document(obj: Mapping[str, Any], place: Place) -> Answers:
    spec = obj.get("spec")
    found = spec.get("values") if isinstance(spec, dict) else None
    if found is None:
        return Answers()
    if not isinstance(found, dict):
        raise ManifestError(place, "spec.values of the ConfigValues is not a mapping of items' names")
    values: dict[str, Answer] = {}
    filenames: dict[str, str] = {}
    rows: dict[str, str] = {}
    for name, entry in found.items():
        at = f"spec.values[{quote(str(name))}]"
        if entry is None:
            continue
        if not isinstance(entry, dict):
            raise ManifestError(place, f"{at} of the ConfigValues is not a mapping: write it as {{value: …}}")
        given = next((key for key in _PLAIN if entry.get(key) is not None), None)
        if given is not None:
            values[name] = _scalar(entry[given], f"{at}.{given}", place)
        if isinstance(entry.get("filename"), str):
            filenames[name] = entry["filename"]
        if isinstance(entry.get("repeatableItem"), str) and entry["repeatableItem"]:
            rows[name] = entry["repeatableItem"]
    return Answers(values, filenames, rows)


def _scalar(value: Any, what: str, place: Place) -> Scalar:
    if value is None:
        return ""
    if isinstance(value, str | bool | int | float):
        return value
    kind = "a mapping" if isinstance(value, dict) else "a list"
    raise ManifestError(place, f"{what} is {kind}: write one text, number or boolean")

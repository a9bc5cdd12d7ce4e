"""Selectors of labels and fields in the text form of the API."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TERM = re.compile(r"\s*(!)?\s*([^\s=!(),]+)\s*(?:(in|notin)\s*\(([^)]*)\)|(==?|!=)\s*([^\s,]*))?\s*(?:,|$)")

Labels = Mapping[str, str]


def matches(selector: str, labels: Labels) -> bool:
    return all(term(labels) for term in _terms(selector))


def matches_fields(selector: str, obj: Mapping[str, Any]) -> bool:
    """``metadata.name=a,involvedObject.kind!=B``: each term's path is looked up in the object."""
    for term in filter(None, selector.split(",")):
        path, sign, value = re.split(r"(!=|==?)", term, maxsplit=1)
        found: Any = obj
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        if (str("" if found is None else found) == value) == (sign == "!="):
            return False
    return True


def _terms(selector: str) -> list[Callable[[Labels], bool]]:
    terms, at = [], 0
    while at < len(selector):
        found = _TERM.match(selector, at)
        if found is None or found.end() == at:
            raise ValueError(f"unable to parse requirement: {selector[at:]!r}")
        terms.append(_term(found))
        at = found.end()
    return terms


def _term(found: re.Match[str]) -> Callable[[Labels], bool]:
    absent, key, among, values, sign, value = found.groups()
    if among:
        wanted = {one.strip() for one in values.split(",")}
        return (
            (lambda labels: labels.get(key) in wanted)
            if among == "in"
            else lambda labels: labels.get(key) not in wanted
        )
    if sign:
        return (lambda labels: labels.get(key) != value) if sign == "!=" else lambda labels: labels.get(key) == value
    return (lambda labels: key not in labels) if absent else lambda labels: key in labels

"""What a release's calls ask for, held against what there is to ask."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from kotsapp.images.routing import Domains
from kotsapp.lint.findings import Finding, Level, Location
from kotsapp.lint.places import Places
from kotsapp.lint.unknowns import (
    LICENSE_FUNCTION,
    cluster_facts,
    found_in,
    items_by_line,
    license_fields,
    without_license,
)
from kotsapp.manifests.errors import quote
from kotsapp.release.actions import Action
from kotsapp.release.config_document import Config
from kotsapp.release.context import constants
from kotsapp.release.raw import RawDocument
from kotsapp.release.roles import Role
from kotsapp.text import counted

_CLOSE_ENOUGH = 0.7


def unknown_items(raws: Sequence[RawDocument], config: Config | None, places: Places) -> Iterator[Finding]:
    """Each call of an item that the Config does not have: it comes to nothing, everywhere."""
    names = sorted(config.names) if config else []
    for one in raws:
        if not (one.to_fill or one.role is Role.CONFIG):
            continue
        for name, line in items_by_line(one.chunk.text, one.chunk.line):
            if name in names:
                continue
            close = difflib.get_close_matches(name, names, 1, _CLOSE_ENOUGH)
            hint = f"did you mean {close[0]}?" if close else "add it, or fix the name"
            there = "the release's Config has no item" if config else "the release has no Config, and so no item"
            message = f"{there} {quote(name)}, so the call comes to nothing: {hint}"
            yield Finding("config-item-unknown", Level.WARNING, message, places.locate(one.place.at_line(line)))


def license_notes(raws: Sequence[RawDocument], places: Places) -> Iterator[Finding]:
    """One note for each field of the license, where it is asked for first."""
    for field, times, at in _asked_for(raws, license_fields, places):
        message = f"{LICENSE_FUNCTION} {field} is taken as empty here: only a license has it ({times})"
        yield Finding("license-field", Level.NOTE, message, at)


def cluster_notes(raws: Sequence[RawDocument], places: Places) -> Iterator[Finding]:
    """One note for each fact of a cluster, where it is asked for first."""
    without_one = constants(without_license(Domains()))
    for name, times, at in _asked_for(raws, cluster_facts, places):
        shown = "empty" if without_one[name] == "" else without_one[name]
        message = f"{name} is taken as {shown} here: only a cluster has it ({times})"
        yield Finding("cluster-fact", Level.NOTE, message, at)


def _asked_for(
    raws: Sequence[RawDocument], names: Callable[[Action], Iterator[str]], places: Places
) -> Iterator[tuple[str, str, Location]]:
    """What actions ask for, each of its ``names`` once: how often, and where first."""
    count: Counter[str] = Counter()
    first: dict[str, Location] = {}
    for one in raws:
        for action in found_in(one.chunk.text) if one.to_fill or one.role is Role.CONFIG else ():
            for name in names(action):
                count[name] += 1
                first.setdefault(name, places.locate(one.place.at_line(max(one.chunk.line, 1) + action.line - 1)))
    for name, number in count.items():
        yield name, counted(number, "call"), first[name]

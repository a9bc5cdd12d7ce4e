"""What a release's calls ask for, held against what there is to ask."""

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

from kotsapp.lint.findings import Finding, Level, Location
from kotsapp.lint.places import Places
from kotsapp.lint.unknowns import LICENSE_FUNCTION, found_in, items_by_line, license_fields
from kotsapp.manifests.errors import quote
from kotsapp.release.config_document import Config
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
    count: Counter[str] = Counter()
    first: dict[str, Location] = {}
    for one in raws:
        for action in found_in(one.chunk.text) if one.to_fill or one.role is Role.CONFIG else ():
            for field in license_fields(action):
                count[field] += 1
                first.setdefault(field, places.locate(one.place.at_line(max(one.chunk.line, 1) + action.line - 1)))
    for field, number in count.items():
        times = counted(number, "call")
        message = f"{LICENSE_FUNCTION} {field} is taken as empty here: only a license has it ({times})"
        yield Finding("license-field", Level.NOTE, message, first[field])

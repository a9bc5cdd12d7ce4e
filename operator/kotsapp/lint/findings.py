"""What a check of a release says, as values: what was found, where it stands, and how bad it is (DESIGN 10)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """``error`` stands in the way of every customer, ``warning`` is likely not meant, ``note`` is what can't be known
    here."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def and_worse(self) -> "frozenset[Level]":
        """This level and those above it."""
        levels = list(Level)
        return frozenset(levels[: levels.index(self) + 1])


# What a rule is about, by the name that a finding has.
RULES = {
    "calls-not-filled-in": "Template calls were not filled in, since there is no helm here",
    "chart": "A chart can't be rendered",
    "chart-flags": "helmUpgradeFlags that mean nothing to the operator",
    "chart-not-rendered": "Charts were not rendered, since there is no helm here",
    "chart-unused": "A chart that no HelmChart document asks for",
    "cluster-fact": "A template call asks for a fact of the cluster, which is not known here",
    "config": "The Config can't be read",
    "config-item-failing": "An item of the Config whose template call can't be filled in, so that it is empty",
    "config-item-required": "An item of the Config that has to be given by whoever installs the release",
    "config-item-type": "An item of the Config of a type that nobody knows",
    "config-item-unknown": "A template call asks for an item that the Config does not have",
    "document": "A document can't be used",
    "document-ignored": "A document that is never applied can't be read",
    "file": "A file can't be read",
    "image-not-handled": "A text that looks like an image, where no image is looked for",
    "image-reference": "An image reference that no container runtime takes",
    "license-field": "A template call asks for a field of the license, which is not known here",
    "no-objects": "Nothing in the release is applied",
    "object-twice": "An object is defined twice",
    "release": "The release can't be filled in",
    "source-not-fetched": "A source in a registry that a KotsApp names, which was not looked into",
    "template-call": "A template call can't be filled in",
}


STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """``file`` is the path as it was given, ``-`` for standard input, empty for the release as a whole; ``inside`` is
    the file in it, or the chart, that ``line`` counts in, empty where that is the file itself. A ``line`` of 0 is the
    whole file."""

    file: str = ""
    inside: str = ""
    line: int = 0

    @property
    def path(self) -> str:
        """The file's path, empty where there is none that others could open."""
        return "" if self.file == STANDARD_INPUT else self.file

    @property
    def file_line(self) -> int:
        """The line of ``file``, 0 where it is not known or the file has none."""
        return self.line if self.path and not self.inside else 0

    def __str__(self) -> str:
        file = "standard input" if self.file == STANDARD_INPUT else self.file
        text = ", ".join(part for part in (file, self.inside) if part) or "the release"
        return f"{text}:{self.line}" if self.line else text


class Finding(NamedTuple):
    """``rule`` is a key of ``RULES``; ``message`` says what was found and what to do, without the place."""

    rule: str
    level: Level
    message: str
    location: Location


class Entry(NamedTuple):
    """One thing that is in a release. ``kind`` is what it is (``call``, ``document``, ``chart``, ``image``), ``what``
    names it, ``use`` says what becomes of it or who uses it."""

    kind: str
    what: str
    use: str
    location: Location


class Report(NamedTuple):
    """All findings, in the order of files and lines, and all that was looked at. ``files`` are the paths as given."""

    findings: tuple[Finding, ...]
    entries: tuple[Entry, ...]
    files: tuple[str, ...]

    def of(self, level: Level) -> list[Finding]:
        return [finding for finding in self.findings if finding.level is level]

    def counts(self) -> dict[str, int]:
        """How many documents, calls, charts and distinct images there are, and findings of each level."""
        entries = {f"{kind}s": {(e.what, e.location) for e in self.entries if e.kind == kind} for kind in KINDS}
        entries["images"] = {(entry.what, Location()) for entry in self.entries if entry.kind == "image"}
        return {name: len(found) for name, found in entries.items()} | {
            f"{level}s": len(self.of(level)) for level in Level
        }


KINDS = ("document", "call", "chart", "image")

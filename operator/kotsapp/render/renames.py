"""Which repositories kustomize's ``images:`` can rename so that every object comes out as the rewriting made it.

An entry renames a whole repository wherever kustomize finds it. That is right only if every reference that it would
touch was rewritten the same way: not where ``v1`` is private and ``v2`` public, and not where a name, read as a
regular expression, matches a neighbour's.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kotsapp.images.image_path import Path
from kotsapp.images.reference import strip_tag_and_digest
from kotsapp.images.rewrite import Pull
from kotsapp.render.images_entry import ShapeError, Site, name_lengths, sites
from kotsapp.render.patched import Patched, title


@dataclass(frozen=True, slots=True)
class Renames:
    """``entries`` maps repository to new name, as in ``images:``. ``covered`` are the places that they change rightly,
    for each object by its position. ``notes`` say what entries can't."""

    entries: Mapping[str, str]
    covered: Sequence[frozenset[Path]]
    notes: tuple[str, ...]


def renames(objects: Sequence[Patched], pulls: Mapping[str, Pull]) -> Renames:
    """Choose the entries, by following what kustomize would do to every object."""
    wanted = _wanted(pulls)
    found: list[list[Site]] = []
    for obj in objects:
        try:
            found.append(list(sites(obj.before)))
        except ShapeError:
            note = (
                f"{title(obj.before)} has a field named like a pod spec's that holds something else, and kustomize's "
                "images: fails at it; every image is patched by itself instead"
            )
            return Renames({}, [frozenset()] * len(objects), (note,) if wanted else ())
    outcomes: defaultdict[str, set[Any]] = defaultdict(set)
    for obj, group in zip(objects, found, strict=True):
        for site in group:
            outcomes[site.image].add(_at(obj.after, site.path))
    touched = _Touched(wanted)
    obstacles: dict[str, str] = {}
    useful: set[str] = set()
    for image, results in sorted(outcomes.items()):
        for repository in touched.by(image):
            useful.add(repository)
            if repository not in obstacles:
                obstacle = _obstacle(repository, wanted[repository], image, results)
                if obstacle is not None:
                    obstacles[repository] = obstacle
    entries: dict[str, str] = {}
    for repository in sorted(useful - obstacles.keys()):
        new_name = min(wanted[repository])
        if touched.by(new_name):
            obstacles[repository] = f"kustomize would rename {new_name} again"
        else:
            entries[repository] = new_name
    covered = [
        frozenset(site.path for site in group if not entries.keys().isdisjoint(touched.by(site.image)))
        for group in found
    ]
    notes = [f"{name}: {obstacles[name]}; its images are patched one by one instead" for name in sorted(obstacles)]
    return Renames(entries, covered, tuple(notes))


def _wanted(pulls: Mapping[str, Pull]) -> dict[str, set[str]]:
    """For every repository of which something is rewritten, its new names (one, unless routes differ)."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for image, pull in pulls.items():
        if pull.reference != image:
            wanted[strip_tag_and_digest(image)].add(strip_tag_and_digest(pull.reference))
    return dict(wanted)


def _obstacle(repository: str, new_names: set[str], image: str, results: set[Any]) -> str | None:
    """Why an entry would be wrong at a reference that it touches; None if it is right."""
    own = strip_tag_and_digest(image) == repository
    suffix = image[len(repository) :]
    if own and len(new_names) == 1 and results == {f"{min(new_names)}{suffix}"}:
        return None
    if not own:
        return f"to kustomize the name is a pattern, which {image} matches too"
    return f"kustomize renames all of a repository, but {image} is not pulled like the rest of it"


class _Touched:
    """Which of the wanted entries touch a reference."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._patterns: defaultdict[int, list[tuple[str, re.Pattern[str] | None]]] = defaultdict(list)
        for name in names:
            # An IPv6 host in brackets is a character class to kustomize, which never matches the host.
            pattern = None if "[" in name else re.compile(name)
            self._patterns[len(name)].append((name, pattern))
        self._known: dict[str, tuple[str, ...]] = {}

    def by(self, image: str) -> tuple[str, ...]:
        known = self._known.get(image)
        if known is None:
            known = self._known[image] = tuple(
                name
                for length in name_lengths(image)
                for name, pattern in self._patterns.get(length, ())
                if pattern is not None and pattern.fullmatch(image, 0, length)
            )
        return known


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value

"""Names of the files that rendered objects go to."""

import re
from collections.abc import Iterable

from kotsapp.regexes import regex
from kotsapp.render.patched import Patched

_UNSAFE = regex(r"[^A-Za-z0-9._-]+")
SECRET_FILE = "secret.yaml"  # noqa: S105 - a file's name
# kustomize would read the first as its own, whoever wrote it.
_TAKEN = frozenset({"kustomization.yaml", SECRET_FILE})
# Far below any file system's limit, with room for a number.
_LONGEST_STEM = 100


def file_names(objects: Iterable[Patched]) -> dict[str, list[Patched]]:
    """The objects by file: one for each source, named after it, safe as a name in one folder on any file system."""
    by_source: dict[str, list[Patched]] = {}
    for obj in objects:
        by_source.setdefault(obj.source, []).append(obj)
    files: dict[str, list[Patched]] = {}
    taken = set(_TAKEN)
    for source, group in by_source.items():
        stem = re.sub(r"\.(ya?ml|json)$", "", source)
        stem = _UNSAFE.sub("-", stem).strip(".-")[:_LONGEST_STEM] or "manifests"
        file, number = f"{stem}.yaml", 1
        while file.lower() in taken:
            number += 1
            file = f"{stem}-{number}.yaml"
        taken.add(file.lower())
        files[file] = group
    return files

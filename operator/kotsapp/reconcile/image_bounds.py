"""How many images a release and ``spec.imagePaths`` may have: everything here is done on the event loop (DESIGN 6.6).

What stands in pod specs was counted while it was read. Paths are no part of that: they may change without the release.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kotsapp.api.conditions import IMAGES_RESOLVED, Condition, Reason
from kotsapp.images.image_path import ImagePath, values_at
from kotsapp.images.podspec import group_kind, workloads
from kotsapp.reconcile.outcome import ReconcileError, terminal
from kotsapp.release.budget import MAX_IMAGES

# Looking at one takes ten microseconds. Five paths in each of the objects that an app may have.
MAX_PATH_VALUES = 20_000


def refuse_costly_paths(objects: Sequence[Mapping[str, Any]], image_paths: Sequence[ImagePath]) -> None:
    """Raises ReconcileError for paths that lead through more values than can be looked at in a moment."""
    left = MAX_PATH_VALUES if image_paths else 0
    for obj in objects if image_paths else ():
        for _, item in workloads(obj):
            of = group_kind(item)
            for path in image_paths:
                if path.matches(*of):
                    left -= values_at(item, path.steps, left)
                if left < 0:
                    raise _refused(
                        f"spec.imagePaths leads to more than {MAX_PATH_VALUES} values, counted over all that the app"
                        f" brings, as seen at {path}: name fewer, or make several apps of it"
                    )


def refuse_many(images: Mapping[str, Any]) -> None:
    """Raises ReconcileError for more distinct images than an app may have."""
    if len(images) > MAX_IMAGES:
        raise _refused(
            f"the release has more than {MAX_IMAGES} images, those at spec.imagePaths among them: make several apps of"
            " it"
        )


def _refused(message: str) -> ReconcileError:
    condition = Condition.false(IMAGES_RESOLVED, Reason.INVALID_MANIFEST, message)
    return terminal(Reason.INVALID_MANIFEST, message, condition)

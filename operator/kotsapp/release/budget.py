"""One budget an app: over all of its sources and everything nested in them (DESIGN 6.6).

The pod has 800 MiB: the operator about 90 with nothing to do, the warm reader 20, two readers 64 each, one helm 224,
archives on their way 64 (sources/limits.py), manifests of images 16 (registry/limits.py), and what apps at work hold
176 (reconcile/shares.py). The rest, 82, is for apps at rest, a quarter of one each. So a reader may hold no more than
64 MiB beyond what it starts with, and what it is given and makes of it has to fit.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kotsapp.images.finder import find_images
from kotsapp.manifests.budget import ALIASES, NODES, OBJECTS, TEXT, Budget, Resource
from kotsapp.manifests.errors import Place
from kotsapp.manifests.limits import MAX_ALIAS_NODES, MAX_ARCHIVE_BYTES, MAX_ARCHIVE_FILES, MIB

_SUM = "counted over all that the app brings"
_LEAVE_OUT = "leave out what isn't needed"
PACKED = Resource(f"is more than {{limit}} MiB, {_SUM}: {_LEAVE_OUT}", MIB)
UNPACKED = Resource(f"unpacks to more than {{limit}} MiB, {_SUM}: {_LEAVE_OUT}", MIB)
FILES = Resource(f"has more than {{limit}} files, {_SUM}: {_LEAVE_OUT}")
PLACES = Resource(f"names images at more than {{limit}} places, {_SUM}: make several apps of it")
IMAGES = Resource(f"has more than {{limit}} images, {_SUM}: make several apps of it")

# Sources as they are given. A ConfigMap holds 1 MiB, a release of a vendor with its charts a few.
MAX_PACKED_BYTES = 16 * MIB
# A release folder with all its charts unpacked is a few MiB; the largest public ones, with their definitions, 12.
MAX_UNPACKED_BYTES = 32 * MIB
# Text that is read: files, with their calls filled in, and what charts make. 1,000 Deployments are 1 MiB.
MAX_TEXT_BYTES = 16 * MIB
# A node takes 100 to 230 bytes; 4,000 ordinary Deployments have 340,000.
MAX_APP_NODES = 400_000
# Each object has an entry in status.inventory, and the API server stores at most 1.5 MiB of one object.
MAX_OBJECTS = 4_000
# Each distinct image has an entry in status.images and is asked for at a registry; the largest public releases have 90.
MAX_IMAGES = 1_000
# Containers and image volumes: each is looked at on the event loop, ten microseconds long. Five in each object.
MAX_IMAGE_PLACES = 20_000
# Answers to a Config: certificates are a few KiB. Read in a tenth of a second, and 4 MiB of memory.
MAX_ANSWERS_TEXT = MIB
MAX_ANSWERS_NODES = 20_000
# For who reads own files with own memory, on the command line.
_LARGER = 8


def for_sources() -> Budget:
    """For what the operator reads of an app's sources and of what they are filled in with, before it is looked into."""
    return Budget({PACKED: MAX_PACKED_BYTES})


def for_answers() -> Budget:
    """For documents with answers to a Config, which are read in the operator itself: the largest Configs ask for some
    hundred, each of which is four values in a ConfigValues document."""
    return Budget({TEXT: MAX_ANSWERS_TEXT, NODES: MAX_ANSWERS_NODES, ALIASES: MAX_ANSWERS_NODES, OBJECTS: MAX_OBJECTS})


class DistinctImages:
    """Takes from the budget for each image that was not there before."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._known: set[str] = set()

    def count_of(self, obj: Mapping[str, Any], place: Place) -> None:
        uses = find_images(obj)
        self._budget.take(PLACES, len(uses), place)
        for _ in self.counted((use.image for use in uses), place):
            pass

    def counted(self, images: Iterable[str], place: Place) -> Iterator[str]:
        """The images as they are. Raises ManifestError at ``place``."""
        for image in images:
            if image not in self._known:
                self._known.add(image)
                self._budget.take(IMAGES, 1, place)
            yield image


def for_operator() -> Budget:
    """For what somebody else wrote, beside what others wrote."""
    return Budget(
        {
            PACKED: MAX_PACKED_BYTES,
            UNPACKED: MAX_UNPACKED_BYTES,
            FILES: MAX_ARCHIVE_FILES,
            TEXT: MAX_TEXT_BYTES,
            NODES: MAX_APP_NODES,
            ALIASES: MAX_ALIAS_NODES,
            OBJECTS: MAX_OBJECTS,
            IMAGES: MAX_IMAGES,
            PLACES: MAX_IMAGE_PLACES,
        }
    )


def for_command_line() -> Budget:
    """For one's own files: what one archive or source may have is the bound, and all together have some times that."""
    return Budget(
        {
            PACKED: _LARGER * MAX_PACKED_BYTES,
            UNPACKED: MAX_ARCHIVE_BYTES,
            FILES: MAX_ARCHIVE_FILES,
            TEXT: _LARGER * MAX_TEXT_BYTES,
            NODES: _LARGER * MAX_APP_NODES,
            ALIASES: _LARGER * MAX_ALIAS_NODES,
            OBJECTS: _LARGER * MAX_OBJECTS,
            IMAGES: _LARGER * MAX_IMAGES,
            PLACES: _LARGER * MAX_IMAGE_PLACES,
        }
    )

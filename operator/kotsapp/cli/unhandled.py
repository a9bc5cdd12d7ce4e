"""What looks like an image and is not handled, as commands report it."""

from collections.abc import Sequence
from typing import Any

from kotsapp.images.unhandled import UnhandledImage

# More are counted: whoever wants them all asks for JSON.
MAX_NOTES = 10


def notes(found: Sequence[UnhandledImage]) -> list[str]:
    """A sentence for each of the first, with the option that would route it."""
    left = "looks like an image, and is left as it is"
    shown = [f"{one.user}, {one.place}: {one.image} {left}{_remedy(one)}" for one in found[:MAX_NOTES]]
    more = len(found) - len(shown)
    return [*shown, f"{more} more texts look like images"] if more else shown


def entries(found: Sequence[UnhandledImage]) -> list[dict[str, Any]]:
    """As ``status.unhandledImages`` has them."""
    return [one.to_status() for one in found]


def _remedy(found: UnhandledImage) -> str:
    if not found.entry:
        return f": {found.reason}"
    return f"; to route it: --image-path '{found.qualified_kind}:{found.entry}'"

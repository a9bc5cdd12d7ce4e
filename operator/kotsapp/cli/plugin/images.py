"""``kubectl kotsapp images``: what was found of every image."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM
from kotsapp.cli.output import print_result
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.target import Target, outdated, ready
from kotsapp.cli.plugin.terminal import fitted

_HEADS = ("IMAGE", "VERDICT", "ROUTE", "HTTP", "VERIFIED", "USED BY", "MESSAGE")


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    images = (app.get("status") or {}).get("images") or []
    print_result({"images": images}, args.output, lambda: _text(images))
    told = ready(app)
    if not images and told.get("status") != "True":
        why = f"{told['reason']}: {told['message']}" if told else outdated(app)
        report(f"kubectl kotsapp: no image is known: {why}")
        return EXIT_PROBLEM
    return EXIT_PROBLEM if any(is_bad(image) for image in images) else EXIT_OK


def is_bad(image: dict[str, Any]) -> bool:
    """Whether pods can't pull it, as far as is known."""
    return "route" not in image or image.get("verified") == "False"


def _text(images: Sequence[dict[str, Any]]) -> str:
    return fitted(
        _HEADS,
        [
            (
                image.get("image", ""),
                tones.verdict(image.get("verdict", ""), settled="route" in image),
                image.get("route", "undecided"),
                image.get("httpStatus", ""),
                tones.verified(image.get("verified", "")),
                ", ".join(image.get("usedBy") or ()),
                image.get("message", ""),
            )
            for image in images
        ],
    )

"""``kubectl kotsapp images``: what was found of every image."""

import json
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
_UNHANDLED_HEADS = ("IMAGE", "OBJECT", "PATH", "SPEC.IMAGEPATHS")


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    status = app.get("status") or {}
    images, unhandled = status.get("images") or [], status.get("unhandledImages") or []
    found = {"images": images, **({"unhandledImages": unhandled} if unhandled else {})}
    print_result(found, args.output, lambda: _text(images) + _unhandled_text(unhandled))
    condition = ready(app)
    if not images and condition.get("status") != "True":
        why = f"{condition['reason']}: {condition['message']}" if condition else outdated(app)
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
                tones.verdict(image.get("verdict", ""), routed="route" in image),
                image.get("route", "undecided"),
                image.get("httpStatus", ""),
                tones.verified(image.get("verified", "")),
                ", ".join(image.get("usedBy") or ()),
                image.get("message", ""),
            )
            for image in images
        ],
    )


def _unhandled_text(unhandled: Sequence[dict[str, Any]]) -> str:
    if not unhandled:
        return ""
    rows = [(one.get("image", ""), one.get("object", ""), one.get("path", ""), _remedy(one)) for one in unhandled]
    return f"\n\nThese look like images, and are left as they are:\n{fitted(_UNHANDLED_HEADS, rows)}"


def _remedy(unhandled: dict[str, Any]) -> str:
    entry = unhandled.get("imagePath")
    if not entry:
        return str(unhandled.get("message", ""))
    group = f"group: {entry['group']}, " if entry.get("group") else ""
    return f"{{{group}kind: {entry.get('kind')}, path: {json.dumps(entry.get('path'))}}}"

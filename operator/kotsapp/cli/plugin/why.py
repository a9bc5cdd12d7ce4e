"""``kubectl kotsapp why``: all that is known of one image, and what to do about it."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.output import cell, print_result
from kotsapp.cli.plugin.images import is_bad
from kotsapp.cli.plugin.target import App, Target
from kotsapp.cli.plugin.terminal import wrapped
from kotsapp.names import OF_PODS
from kotsapp.text import listed

Image = dict[str, Any]
MAX_NAMED = 5
_WIDTH = 10
_ROUTES = {
    "Direct": "pods pull it from where it is written, without the license",
    "Proxy": "pods pull it through the proxy, with the license",
    "Registry": "pods pull it from the vendor's registry, with the license",
}


async def run(args: Namespace, target: Target) -> int:
    app = await target.app()
    status = app.get("status") or {}
    image = chosen(args.image, status.get("images") or (), status.get("unhandledImages") or ())
    used = _workloads(app, image)
    shown = {**image, "workloads": used, "advice": advice(image, app)}
    print_result(shown, args.output, lambda: _text(image, used, shown["advice"]))
    return EXIT_PROBLEM if is_bad(image) else EXIT_OK


def chosen(wanted: str, images: Sequence[Image], unhandled: Sequence[Image] = ()) -> Image:
    """The image that is meant: as written, as pulled, or by a part. Raises CommandError without exactly one."""
    exact = [image for image in images if wanted in (image.get("image"), image.get("pull"))]
    found = exact or [image for image in images if wanted in str(image.get("image"))]
    if len(found) == 1 or exact:
        return found[0]
    known = listed([str(image.get("image")) for image in found or images], MAX_NAMED)
    if found:
        raise CommandError(f"more than one image has {wanted!r} in it, say which: {known}")
    places = [f"{one.get('object')}, {one.get('path')}" for one in unhandled if wanted in str(one.get("image"))]
    if places:
        where = listed(places, MAX_NAMED, "; ")
        problem = f"{wanted!r} looks like an image, and is left as it is, at {where}"
        raise CommandError(
            f"{problem}: spec.imagePaths would route it (kubectl kotsapp images has the entry)", EXIT_PROBLEM
        )
    also = f"; there are {known}" if images else ""
    raise CommandError(f"no image matches {wanted!r}{also}", EXIT_PROBLEM)


def advice(image: Image, app: App) -> str:
    """What a person does about it."""
    verdict, name = image.get("verdict"), app["metadata"]["name"]
    again = f"kubectl kotsapp retry {name} -n {app['metadata']['namespace']}"
    if image.get("verified") == "False":
        return "check name and tag; else ask the vendor whether this license may pull it. Then: " + again
    if "route" not in image:
        if verdict == "NotFound":
            return "check name and tag in the manifests: the registry knows no such image. Then: " + again
        return (
            "nothing rolls out until its registry answers: see whether the operator may reach it, and whether it is up."
            " It is asked again by itself. spec.probe.onUndecided says what happens without an answer, and"
            " spec.probe.exclude leaves the image as written"
        )
    if image.get("verified") == "Unknown":
        return (
            "the proxy could not be asked whether the license pulls it; it is asked again by itself, or now: " + again
        )
    if image.get("origin") == OF_PODS and image.get("route") == "Direct" and verdict not in ("Public", "Excluded"):
        return (
            "no manifest names it, and pods that others make keep it as written: where they can't pull it, they need a"
            " pull secret of their own, or the vendor has to let this license pull it. Then: " + again
        )
    if verdict == "Excluded":
        return "spec.probe.exclude leaves it as written: if it is private, its pods need a pull secret of their own"
    return "nothing: pods can pull it"


def _workloads(app: App, image: Image) -> list[dict[str, Any]]:
    users = set(image.get("usedBy") or ())
    workloads = (app.get("status") or {}).get("workloads") or ()
    named = (
        (f"{w.get('kind')}/{w.get('name')}", f"{w.get('kind')}/{w.get('namespace')}/{w.get('name')}", w)
        for w in workloads
    )
    return [workload for short, long, workload in named if users & {short, long}]


def _text(image: Image, used: Sequence[dict[str, Any]], todo: str) -> str:
    status = image.get("httpStatus")
    answer = ", ".join(
        filter(
            None, (f"HTTP {status}" if status else "", str(image.get("code") or ""), str(image.get("message") or ""))
        )
    )
    route = image.get("route")
    lines = [
        ("Image", image.get("image")),
        ("Verdict", f"{image.get('verdict')}, since {image.get('lastTransitionTime', 'unknown')}"),
        ("Evidence", answer),
        ("Route", f"{route}: {_ROUTES.get(str(route), '')}" if route else "undecided: nothing rolls out"),
        ("Pulled as", image.get("pull") if image.get("pull") != image.get("image") else None),
        ("License", {"True": "can pull it", "False": "can't pull it"}.get(str(image.get("verified")))),
        ("Used by", ", ".join(image.get("usedBy") or ())),
        ("Found in", "pods that others make; no manifest names it" if image.get("origin") == OF_PODS else None),
        *(
            ("", f"{w.get('kind')}/{w.get('name')} is {w.get('state')}: {w.get('message', '')}".rstrip(": "))
            for w in used
        ),
        ("To do", todo),
    ]
    return "\n".join(wrapped(head, cell(text), _WIDTH) for head, text in lines if text)

"""``kotsapp probe``: what a cluster would find out about images, without a cluster."""

import argparse
import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kotsapp.cli.answers import read_answers
from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.files import is_source_file, source_files
from kotsapp.cli.inputs import DEFAULT_NAMESPACE, read_license, read_release, version_of
from kotsapp.cli.output import print_result, table
from kotsapp.cli.progress import Progress
from kotsapp.cli.unhandled import entries, notes
from kotsapp.images.reference import InvalidReferenceError, Reference, parse
from kotsapp.images.routing import Route
from kotsapp.images.usage import InvalidImagesError, collect_users, parse_used, uses_of
from kotsapp.license import License
from kotsapp.pullsecret import USER_NAME, default_name
from kotsapp.registry.config import Registries, RegistriesError
from kotsapp.registry.credential import Credential
from kotsapp.release.kotsapps import not_fetched
from kotsapp.release.reader import Release
from kotsapp.release.renderer import Renderer
from kotsapp.verdicts.decision import Resolution
from kotsapp.verdicts.prober import Prober
from kotsapp.verdicts.resolver import Policy, Routing, resolve_all
from kotsapp.verdicts.verification import Verified


def run(args: argparse.Namespace) -> int:
    """Probe images: exit code 0 if each one's route is known (and the license, if given, opens it), 1 if not."""
    if not args.images and not args.filename:
        raise CommandError("give images, or manifests with -f")
    for image in args.images:
        if is_source_file(image):
            raise CommandError(f"{image} is a file, not an image: give each file with -f of its own")
    license = _license(args) if args.license else None
    files = source_files(args.filename) if args.filename else []
    renderer = Renderer(
        license,
        default_name(license.app_slug if license else ""),
        DEFAULT_NAMESPACE,
        helm=args.helm,
        answers=read_answers(args.config_values),
        version=version_of(files),
    )
    release = read_release(renderer, files) if files else Release()
    if files and release.is_empty and not release.reported_images:
        raise CommandError(release.nothing_found(files), EXIT_PROBLEM)
    for _, note in not_fetched(release.objects):
        report(f"kotsapp: {note}")
    users = collect_users(uses_of(release.objects), release.reported_images, release.local_images)
    try:
        references = _distinct([*_references(args.images), *parse_used(users)])
    except InvalidImagesError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None
    try:
        registries = Registries.load(args.registries) if args.registries else Registries.empty()
    except RegistriesError as error:
        raise CommandError(str(error)) from None
    policy = Policy(
        domains=renderer.domains(release.application).opening(references),
        app_slug=license.app_slug if license else "",
        exclude=tuple(args.exclude),
        public_images=release.proxy_public_images,
        timeout=args.timeout,
    )
    prober = Prober(registries, allow_private=not args.deny_private_networks, ask_each=True)
    resolutions = asyncio.run(_probe(prober, references, policy, license)).resolutions
    found: dict[str, Any] = {"images": [_entry(one, license) for one in resolutions]}
    if release.unhandled:
        found["unhandledImages"] = entries(release.unhandled)
    print_result(found, args.output, lambda: _table(resolutions, license))
    if args.output == "table":
        for note in notes(release.unhandled):
            report(f"kotsapp: {note}")
    return EXIT_OK if all(_is_good(one, license) for one in resolutions) else EXIT_PROBLEM


async def _probe(prober: Prober, references: Sequence[Reference], policy: Policy, license: License | None) -> Routing:
    credential = None
    if license is not None:
        credential = Credential(USER_NAME, license.license_id, policy.domains.hosts)
    with Progress("probing", len(references)) as progress:
        async with prober:
            return await resolve_all(prober, references, policy, credential, done=progress.advance)


def _references(images: Iterable[str]) -> list[Reference]:
    try:
        return [parse(image) for image in images]
    except InvalidReferenceError as error:
        raise CommandError(str(error)) from None


def _distinct(references: Iterable[Reference]) -> list[Reference]:
    """Each image once, in the order in which they came."""
    return list({reference.written: reference for reference in references}.values())


def _license(args: argparse.Namespace) -> License:
    license = read_license(args.license, args.trusted_keys, even_expired=True)
    if license.expired(datetime.now(UTC)):
        report(f"kotsapp: {args.license}: the license has expired; the proxy may refuse it")
    return license


def _entry(resolution: Resolution, license: License | None) -> Mapping[str, Any]:
    return {
        "image": resolution.image,
        "verdict": str(resolution.verdict),
        "route": str(resolution.route) if resolution.route else None,
        "pull": _pull(resolution, license),
        "httpStatus": resolution.http_status,
        "code": resolution.code,
        "message": _message(resolution, license),
        "verified": str(resolution.verified),
        "requests": resolution.requests,
        "elapsed": round(resolution.elapsed, 4),
    }


def _pull(resolution: Resolution, license: License | None) -> str | None:
    """Without a license nobody knows the app's slug, which is a part of a proxied reference."""
    if license is None and resolution.route is Route.PROXY and resolution.pull != resolution.image:
        return None
    return resolution.pull


def _message(resolution: Resolution, license: License | None) -> str:
    if license is None or not resolution.verified_message or resolution.verified_message in resolution.message:
        return resolution.message
    return f"{resolution.message}; {resolution.verified_message}"


def _is_good(resolution: Resolution, license: License | None) -> bool:
    if resolution.route is None:
        return False
    return license is None or not resolution.route.needs_secret or resolution.verified is Verified.TRUE


def _table(resolutions: Sequence[Resolution], license: License | None) -> str:
    heads = ["IMAGE", "VERDICT", "ROUTE", "HTTP", *(["VERIFIED"] if license else []), "MESSAGE"]
    return table(heads, (_row(one, license) for one in resolutions))


def _row(resolution: Resolution, license: License | None) -> list[str]:
    cells = [
        resolution.image,
        str(resolution.verdict),
        str(resolution.route or "-"),
        str(resolution.http_status or "-"),
    ]
    if license:
        routed = resolution.route is not None and resolution.route.needs_secret
        cells.append(str(resolution.verified) if routed else "-")
    return [*cells, _message(resolution, license)]

"""What ``kotsapp render`` does with a release: the operator's own core."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kotsapp.cli.answers import read_answers
from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.inputs import DEFAULT_NAMESPACE, read_license, read_release, version_of
from kotsapp.cli.routes import Rules, decide
from kotsapp.cli.unhandled import notes
from kotsapp.images.finder import unmatched
from kotsapp.images.reference import parse
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains
from kotsapp.images.unhandled import still_unhandled
from kotsapp.images.usage import collect_users, without_place
from kotsapp.license import License
from kotsapp.pullsecret import default_name, pull_secret
from kotsapp.release.context import ClusterFacts, ReleaseVersion
from kotsapp.release.helm_engine import Engine
from kotsapp.release.kotsapps import not_fetched
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer
from kotsapp.render.patched import Found, Patched, find, in_order, patch, placed, secret_namespaces, title
from kotsapp.render.yaml_text import dump_all
from kotsapp.text import counted, json_text, listed
from kotsapp.verdicts.verdict import Verdict

_ASSUMPTIONS = {"private": Verdict.PRIVATE, "public": Verdict.PUBLIC}


def render(args: argparse.Namespace, files: Sequence[SourceFile], engine: Engine | None) -> int:
    """Print or write what kubectl apply then applies; exit code 1 for what stands in the way, or a difference.

    ``engine`` waits for the template calls. Raises CommandError.
    """
    license = read_license(args.license, args.trusted_keys)
    for field in license.differences:
        _note(f"{args.license}: {field} was changed after signing; the signed value is used")
    renderer = _renderer(args, license, version_of(files), engine)
    release = read_release(renderer, files)
    if release.is_empty:
        raise CommandError(release.nothing_found(files), EXIT_PROBLEM)
    release, found, pulls = _routed(args, renderer, release, license, files)
    for remark in _remarks(args, release, found, pulls):
        _note(remark)
    patched = patch(found, pulls, renderer.pull_secret)
    references = [parse(pull.reference) for pull in pulls.values()]
    domains = renderer.domains(release.application).opening(references)
    # Objects that name the namespace of the app, and objects that name none, may need the same secret.
    namespaces = dict.fromkeys(name or args.namespace for name in _namespaces(args, release, patched))
    secrets = [_secret(renderer.pull_secret, namespace, license, domains) for namespace in namespaces]
    if args.namespace and not args.kustomize:
        patched = placed(patched, args.namespace)
    return _write(args, patched, secrets, pulls)


def _routed(
    args: argparse.Namespace, renderer: Renderer, release: Release, license: License, files: Sequence[SourceFile]
) -> tuple[Release, list[Found], dict[str, Pull]]:
    """The release, its objects and how each image is pulled; rendered once more where ``LocalImageName`` has to say
    another place than is written (DESIGN 6.3)."""
    found = _found(args, release)
    rules = _rules(args, release, renderer.domains(release.application))
    pulls = dict(decide(_users(found, release), rules, license))
    answers = {image: pulls[image].reference for image in release.local_images}
    if any(image != reference for image, reference in answers.items()):
        release = read_release(renderer, files, answers, release.drawn)
        found = _found(args, release)
        users = _users(found, release)
        pulls |= decide({image: names for image, names in users.items() if image not in pulls}, rules, license)
    return release, found, pulls


def _remarks(
    args: argparse.Namespace, release: Release, found: Sequence[Found], pulls: Mapping[str, Pull]
) -> Iterator[str]:
    """What whoever applies the result should know."""
    for image, pull in sorted(pulls.items()):
        reference = parse(pull.reference)
        if reference.refused_for is not None:
            yield f"{image} becomes {reference}, which container runtimes refuse for {reference.refused_for}"
    for path in unmatched([one.obj for one in found], args.image_path):
        yield f"--image-path {path}: no object has an image there; check group, kind and path"
    named = [(title(one.obj), one.uses) for one in found]
    for image, remedy in without_place(named).items():
        if image in pulls and pulls[image].needs_secret:
            yield f"{image}: {remedy}"
    yield from notes(still_unhandled(release.unhandled, named))
    if release.drawn.items or release.drawn.calls:
        what = listed([f"item {name}" for name in release.drawn.items], 5) or "in template calls"
        yield f"passwords are drawn ({what}), new ones at each run: keep what you apply, or let the operator keep them"
    yield from release.warnings
    for _, note in not_fetched(release.objects):
        yield note
    for chart in release.unpatched_charts:
        yield f"{chart} is left to whoever installs it (--v2-charts Skip), and not rendered"
    if release.application.additional_namespaces and not args.no_secret:
        additional = listed(release.application.additional_namespaces, 5)
        yield f"the pull secret is for {additional}, too (additionalNamespaces), which have to be there"


def _namespaces(args: argparse.Namespace, release: Release, patched: Sequence[Patched]) -> list[str | None]:
    """Those that need the pull secret; None where objects name no namespace."""
    if args.no_secret:
        return []
    needing = secret_namespaces(patched, app=release.asks_for_pull_secret)
    return list(dict.fromkeys((*needing, *release.application.additional_namespaces)))


def _users(found: Sequence[Found], release: Release) -> dict[str, list[str]]:
    return collect_users(((title(one.obj), one.uses) for one in found), local_images=release.local_images)


def _renderer(args: argparse.Namespace, license: License, version: ReleaseVersion, engine: Engine | None) -> Renderer:
    return Renderer(
        license=license,
        pull_secret=args.pull_secret or default_name(license.app_slug),
        namespace=args.namespace or DEFAULT_NAMESPACE,
        proxy_domain=args.proxy_domain,
        registry_domain=args.registry_domain,
        patch_helm_v2=args.v2_charts == "Patch",
        helm=args.helm,
        engine=engine,
        answers=read_answers(args.config_values),
        version=version,
        cluster=ClusterFacts(nodes=args.nodes),
    )


def _rules(args: argparse.Namespace, release: Release, domains: Domains) -> Rules:
    return Rules(
        domains=domains,
        public_images=release.proxy_public_images,
        exclude=tuple(args.exclude),
        assume=_ASSUMPTIONS.get(args.assume),
        verdicts=args.verdicts,
        registries=args.registries,
        timeout=args.timeout,
    )


def _found(args: argparse.Namespace, release: Release) -> list[Found]:
    objects = zip(release.sources, map(dict, release.objects), strict=True)
    return find(objects, args.image_path)


def _secret(name: str, namespace: str | None, license: License, domains: Domains) -> dict[str, Any]:
    secret = pull_secret(name, namespace or "", license.license_id, domains, {})
    return secret | {"metadata": {key: value for key, value in secret["metadata"].items() if value}}


def _write(
    args: argparse.Namespace, patched: Sequence[Patched], secrets: Sequence[dict[str, Any]], pulls: Mapping[str, Pull]
) -> int:
    # Each form is loaded for whom it is for: printing, nearly always, waits for no other.
    if args.diff:
        from kotsapp.render.diff import differences

        text = differences(patched, secrets)
        sys.stdout.write(text)
        return EXIT_PROBLEM if text else EXIT_OK
    if args.kustomize:
        from kotsapp.cli.folder import write_folder
        from kotsapp.render.files import SECRET_FILE
        from kotsapp.render.kustomize import MIDSTREAM, DuplicateObjectError, layout

        try:
            written = layout(patched, pulls, secrets)
        except DuplicateObjectError as error:
            raise CommandError(str(error), EXIT_PROBLEM) from None
        for note in written.notes:
            _note(note)
        write_folder(args.to, written.files, frozenset({f"{MIDSTREAM}/{SECRET_FILE}"}))
        _note(f"{counted(len(written.files), 'file')} in {args.to}")
    elif args.to is not None:
        from kotsapp.cli.folder import write_folder
        from kotsapp.render.files import SECRET_FILE, file_names

        files = {name: dump_all(obj.after for obj in group) for name, group in file_names(patched).items()}
        if secrets:
            files[SECRET_FILE] = dump_all(secrets)
        write_folder(args.to, files, frozenset({SECRET_FILE}))
        _note(f"{counted(len(files), 'file')} in {args.to}")
    else:
        objects = in_order(patched, secrets)
        if args.output == "json":
            text = json_text({"apiVersion": "v1", "kind": "List", "items": objects})
        else:
            text = dump_all(objects)
        sys.stdout.buffer.write(text.encode())
    return EXIT_OK


def _note(text: str) -> None:
    report(f"kotsapp: {text}")

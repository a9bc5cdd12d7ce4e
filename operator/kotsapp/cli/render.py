"""``kotsapp render``: manifests, routed, for pipelines and GitOps."""

import argparse

from kotsapp.cli.ahead import engine_for
from kotsapp.cli.errors import CommandError
from kotsapp.cli.files import source_files
from kotsapp.cli.loading import no_collector


def run(args: argparse.Namespace) -> int:
    """Print or write what kubectl apply then applies; exit code 1 for what stands in the way, or a difference."""
    _check_usage(args)
    files = source_files([*args.filename, *args.files])
    # Manifests are trees, too, which are freed as soon as nothing refers to them.
    with no_collector(), engine_for(files, args.helm) as engine:
        # What takes longest to load is loaded while helm starts.
        from kotsapp.cli.rendering import render

        return render(args, files, engine)


def _check_usage(args: argparse.Namespace) -> None:
    if not args.filename and not args.files:
        raise CommandError("give manifests, archives or folders, or - for standard input")
    if args.kustomize and args.to is None:
        raise CommandError("--kustomize writes a folder: name it with --to")
    if args.diff and args.to is not None:
        raise CommandError("--diff prints, so it does not go with --to")
    if args.registries and (args.assume or args.verdicts):
        raise CommandError("--registries is for asking registries, which --assume and --verdicts replace")
    if args.output == "json" and (args.diff or args.to is not None):
        raise CommandError("-o json is for printing the objects, and goes neither with --to nor with --diff")

"""Arguments of ``kotsapp render``."""

import argparse
from pathlib import Path

from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.durations import DEFAULT_TIMEOUT, seconds
from kotsapp.cli.examples import with_examples
from kotsapp.cli.options import add_config_values, count, domain, image_path, object_name

_TEXT = """
Route the images of manifests through the proxy where they need it, give their pods the pull secret, and print
what kubectl apply then applies. Exit code 1 if a license, manifest or image stands in the way, or if --diff
finds a difference, 2 for bad usage.
"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("render", help=COMMANDS["render"], description=_TEXT, **with_examples("render"))
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE|DIR|-", help="manifests, archives")
    add("-f", "--filename", nargs="+", action="extend", default=[], metavar="FILE|DIR|-", help="the same")
    add("--license", required=True, metavar="FILE|-", help="the license, which the pull secret is made from")
    add("--trusted-keys", metavar="DIR", help="further license keys, <key id>.pem each")
    add(
        "-n",
        "--namespace",
        type=object_name,
        metavar="NS",
        help="where the app goes: all that names no namespace, but for --kustomize, whose kustomization.yaml says it",
    )
    add_config_values(parser)
    add("--helm", metavar="PROGRAM", help="the helm that renders charts (default: the one on PATH)")
    text = "what becomes of kots.io/v1beta2 charts: rendered and patched (default), or left to whoever installs them"
    add("--v2-charts", choices=("Patch", "Skip"), default="Patch", help=text)
    add("--nodes", type=count, default=0, metavar="N", help="what NodeCount comes to, for releases that ask for it")
    _add_image_options(parser.add_argument_group("images"))
    _add_output_options(parser.add_argument_group("output"))
    parser.set_defaults(action="render.run")


def _add_image_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--assume", choices=("private", "public"), help="what images are, instead of asking their registries")
    add("--verdicts", metavar="FILE", help="what kotsapp probe -o json printed, instead of asking registries")
    add("--registries", metavar="FILE", help="where registries really are, when they are asked")
    add(
        "--timeout",
        type=seconds,
        default=DEFAULT_TIMEOUT,
        metavar="DURATION",
        help="for asking about one image, such as 10s or 2m (default: 10s)",
    )
    add("--exclude", action="append", default=[], metavar="GLOB", help="images that are left as written; repeatable")
    where = "[GROUP/]KIND:PATH[,SECRETS]"
    text = "images outside pod specs, such as monitoring.coreos.com/Prometheus:spec.image; repeatable"
    add("--image-path", action="append", default=[], type=image_path, metavar=where, help=text)
    add("--proxy-domain", type=domain, metavar="HOST", help="the proxy, if not the release's or the license's")
    add("--registry-domain", type=domain, metavar="HOST", help="the vendor's registry, if not the release's")
    add("--pull-secret", type=object_name, metavar="NAME", help="the pull secret's name (default: <app slug>-registry)")


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--to", type=Path, metavar="DIR", help="write files into this folder instead of printing")
    add("--kustomize", action="store_true", help="write the layout that KOTS writes for kustomize; needs --to")
    add("--no-secret", action="store_true", help="leave the pull secret out, for those who keep secrets elsewhere")
    add("--diff", action="store_true", help="print what changes, and nothing else; exit code 1 if anything does")
    add("-o", "--output", choices=("yaml", "json"), default="yaml", help="what to print (default: yaml)")

"""`python -m localworld`: a world to try things in, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localworld import layout, release_server, sample
from localworld.process import ProcessError
from localworld.programs import apt, binaries, clients, flux, go_module
from localworld.programs.health import FLUX_HEALTH, KSTATUS
from localworld.progress import to_stderr
from localworld.realnode import ability, programs
from localworld.sample import Sample
from localworld.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

_ERRORS = (
    apt.AptError,
    binaries.BinariesError,
    go_module.BuildError,
    clients.ClientError,
    FileExistsError,
    ProcessError,
)
_AUTH = {"open": "nobody asked", "basic": "Basic", "token": "token"}


def main(argv: Sequence[str]) -> int:
    """Exit code 0 after Ctrl-C, SIGTERM or a finished build; 1 when something could not be started or made."""
    options = _parser().parse_args(argv)
    try:
        if options.command == "build":
            binaries.ensure(to_stderr)
            _build_kstatus()
            _build_node()
        elif options.command == "build-gitops":
            KSTATUS.ensure(to_stderr)
            FLUX_HEALTH.ensure(to_stderr)
            flux.definitions(to_stderr)
        elif options.command == "build-flux":
            flux.ensure(to_stderr)
        elif options.command == "bin":
            print(binaries.linked(binaries.ensure(to_stderr)))
        else:
            _serve(options)
    except _ERRORS as error:
        print(f"localworld: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # During the start; what had started is stopped by now.
        print("localworld: stopped", file=sys.stderr)
    return 0


def _build_kstatus() -> None:
    """Make the program where it can be built; where not, say so in a line."""
    if missing := KSTATUS.missing():
        to_stderr(f"no kstatus on this machine, so no status is read by it: {missing}")
    else:
        KSTATUS.ensure(to_stderr)


def _build_node() -> None:
    """Make the real node's programs where one can run; where not, say so in a line."""
    if missing := ability.missing():
        to_stderr(f"no real node on this machine, so nothing that needs one is tested: {missing}")
    else:
        programs.ensure(to_stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localworld",
        description="A Kubernetes API server with controllers, registries and a node that pulls images, on loopback.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["start", "build", "build-gitops", "build-flux", "bin"],
        default="start",
        help="start a world (the default); only make the programs; only those of GitOps tools;"
        " print the folder with kubectl, helm and the rest",
    )
    parser.add_argument("--folder", type=Path, help="where the world lives; by default a new temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the folder, with its logs, when the world stops")
    parser.add_argument("--audit", action="store_true", help="have the API server write FOLDER/audit.log")
    parser.add_argument(
        "--node",
        choices=["stand-in", "real"],
        default=os.environ.get("NODE") or "stand-in",
        help="a stand-in that only pulls images, or a real node that runs containers (as root); default: $NODE",
    )
    parser.add_argument("--no-pulls", action="store_true", help="let every pod run without asking a registry")
    parser.add_argument(
        "--license",
        action="append",
        default=[],
        metavar="ID",
        help="a license id that may pull everything from the proxy (repeatable)",
    )
    return parser


def _serve(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="localworld-"))
    world = World.start(
        folder,
        audit=options.audit,
        node="real" if options.node == "real" else True,
        pulls=not options.no_pulls,
        licenses=options.license,
        samples=True,
        say=to_stderr,
    )
    try:
        offered = Sample.offer(world) if sample.is_possible() else None
        _show(world, offered)
        while True:
            time.sleep(1.0)
            for version in offered.look() if offered else ():
                to_stderr(f"the sample vendor released {version}")
            if gone := [child.name for child in world.children if not child.running]:
                to_stderr(f"ended by itself: {', '.join(gone)}; logs are in {world.folder / 'logs'}")
                break
    except KeyboardInterrupt:
        pass
    finally:
        # A second Ctrl-C must not cut the stopping short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        world.stop()
        if options.keep or options.folder:
            to_stderr(f"stopped; the folder is {world.folder}")
        else:
            world.remove()
            to_stderr("stopped")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _show(world: World, offered: Sample | None) -> None:
    rows = [("STANDS FOR", "LISTENS ON", "AUTH", "WHO MAY PULL")]
    rows.append((f"Kubernetes API {world.version}", world.server, "certificate", "-"))
    rows += [(host.name, world.registries[host.name].endpoint, _AUTH[host.auth], _who(host)) for host in layout.HOSTS]
    rows.append((f"{release_server.HOST} (releases)", world.releases.endpoint, "Basic", "who has a license id"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines += [
        "",
        f"public images: {', '.join(layout.SAMPLE_PUBLIC)}",
        f"private images, at the proxy for app {layout.SAMPLE_SLUG}: {', '.join(layout.SAMPLE_PRIVATE)}",
        f"private images of the vendor's own registry: {', '.join(layout.SAMPLE_VENDOR)}",
        f"the license id that may pull them: {layout.SAMPLE_LICENSE}",
        f"for --registries:  {world.registries_file}",
        f"kubectl and helm:  {binaries.linked(world.programs)}",
        "",
        "In two more terminals, in each:",
        *([f"export PATH={_folders(world)}:$PATH"] if offered else ()),
        f"export KUBECONFIG={world.kubeconfig}",
        *(_try_it(world, offered) if offered else ()),
        "",
        "Ctrl-C stops everything.",
    ]
    print("\n".join(lines), flush=True)


def _try_it(world: World, offered: Sample) -> list[str]:
    """The operator and the sample app, as two commands."""
    newest = max((sample.EXAMPLE / "release").iterdir())
    flags = f"--registries {world.registries_file} --trusted-keys {offered.keys}"
    return [
        "Then in the first, the operator:",
        f"  kubectl apply -k {sample.ROOT / 'crds'} && kotsapp run --bind 127.0.0.1 --port 0 {flags}",
        "And in the second, the sample app:",
        f"  kubectl apply -f {offered.app} && kubectl kotsapp status -n {sample.NAMESPACE} --watch",
        "The sample vendor's next release, or a folder of your own under the name of its version; its private images",
        "are there by any tag that it names, a mistyped one, too:",
        f"  cp -r {newest} {offered.channel}",
    ]


def _folders(world: World) -> str:
    """Where the command line, kubectl and helm are."""
    return os.pathsep.join((str(Path(sys.executable).parent), str(binaries.linked(world.programs))))


def _who(host: layout.Host) -> str:
    if host.auth == "open":
        return "everybody"
    if host.auth == "basic":
        return "its own users"
    if host.name in (layout.PROXY, layout.VENDOR_REGISTRY):
        return f"{layout.LICENSE_USER} with a license id"
    return "everybody: " + ", ".join(host.service.public)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

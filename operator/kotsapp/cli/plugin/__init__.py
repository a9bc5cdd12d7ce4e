"""``kubectl kotsapp``: looking at a KotsApp as its person wants to, and asking for another try (DESIGN 10)."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from kotsapp.cli.ending import carry_out
from kotsapp.cli.loading import no_collector
from kotsapp.cli.plugin.arguments import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 (found a problem), 2 (bad usage) or 130 (Ctrl-C)."""
    args = parse(list(sys.argv[1:] if argv is None else argv))
    return carry_out("kubectl kotsapp", lambda: _run(args))


def _run(args: Namespace) -> int:
    # Help needs none of this, which takes most of a second to load.
    with no_collector():
        from kotsapp.cli.plugin.asking import ask

    return ask(args)

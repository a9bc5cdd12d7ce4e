"""How every command ends: with an exit code, and one line for whatever kept it from its end."""

import atexit
import contextlib
import errno
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from kotsapp.cli.errors import EXIT_INTERRUPTED, EXIT_PROBLEM, CommandError
from kotsapp.redact import Redactor, masked, use
from kotsapp.text import printable

_NO_ROOM = frozenset({errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})


def carry_out(name: str, work: Callable[[], int]) -> int:
    """The exit code of ``work``; ``name`` begins the line on standard error."""
    use(Redactor())
    # What is left when the process ends goes with it, and need not be gone through before.
    atexit.register(gc.freeze)
    if sys.stdout is None:  # closed by who called us
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    try:
        code = work()
        sys.stdout.flush()  # a full disk must show before the exit code is chosen
    except CommandError as error:
        report(f"{name}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return EXIT_PROBLEM
    except OSError as error:
        _discard_output()
        what = error.filename or ("the output can't be written" if error.errno in _NO_ROOM else "")
        report(": ".join(filter(None, (name, what, error.strerror or str(error)))))
        return EXIT_PROBLEM
    return code


def report(text: str) -> None:
    """Write to standard error, for a terminal, without a secret of the license that was read."""
    print(printable(masked(text), keep="\n"), file=sys.stderr)


def _discard_output() -> None:
    """What is still buffered would fail again as Python ends, with a message and an exit code of its own."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

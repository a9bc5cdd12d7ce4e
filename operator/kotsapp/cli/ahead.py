"""Helm, started while a command still loads what it takes to work: both take long, and there is more than one core."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from kotsapp.release import helm_engine
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.helm_engine import Engine
from kotsapp.release.helm_process import find_program
from kotsapp.release.source_file import SourceFile

_CALL = re.compile(rb"\{\{repl|repl\{\{")
# A name and literal texts, which is what can be looked up without helm.
_LOOK_UP = re.compile(rb"""(?:\{\{repl|repl\{\{)-?\s*+\w++(?:\s++(?:"[^"\\}]*+"|`[^`}]*+`))*+\s*+-?\}\}""")


@contextmanager
def engine_for(files: Sequence[SourceFile], program: str | None) -> Iterator[Engine | None]:
    """The engine for template calls, which waits for them; None where most likely none is needed, or none is there.

    It is a guess: whoever needs an engine and has none starts one, or says why that can't be.
    """
    with ExitStack() as stack:
        engine = None
        if any(_has_more_than_look_ups(file.data) for file in files):
            with suppress(HelmMissingError, HelmError):
                engine = stack.enter_context(helm_engine.started(find_program(program)))
        yield engine


def _has_more_than_look_ups(data: bytes) -> bool:
    return b"repl" in data and len(_CALL.findall(data)) > len(_LOOK_UP.findall(data))

"""What waits until the app is rolled out and well: the next look at sources, and a release behind a required one."""

import asyncio
from collections.abc import Sequence
from math import inf

from kotsapp.api.conditions import Condition, progressing
from kotsapp.reconcile import source_report
from kotsapp.reconcile.events import Event
from kotsapp.reconcile.memory import SourceMemory

# Time to write the status that says what is Ready.
AT_ONCE = 0.1


def until_due(memory: SourceMemory) -> float:
    """Seconds until sources are looked at again; 0 or less when that is past, or nobody knows."""
    left = memory.due - asyncio.get_running_loop().time()
    return left if left < inf else 0.0


def not_healthy(memory: SourceMemory) -> None:
    """To be called when the app is rolled out, and not well: what waits for that waits on."""
    memory.was_ready = memory.followed = ""


def rolled_out(memory: SourceMemory, now: float) -> tuple[list[Event], Sequence[Condition]]:
    """To be called when the app is well; its events, and what holds in place of Ready, nothing where the app is that.

    What waited for that is looked for at once, and whoever waits for the app waits for that, too: a required release on
    the way is not the one that is asked for.
    """
    memory.artifacts = {}  # megabytes, which nobody looks at soon
    release = memory.rolling_out or memory.awaits_ready
    follows = progressing(f"{release} is required, and rolled out; the next one follows") if memory.awaits_ready else ()
    memory.was_ready = memory.awaits_ready
    if memory.awaits_ready and memory.awaits_ready != memory.followed:
        memory.followed = memory.awaits_ready
        memory.due = now + AT_ONCE
    release, memory.rolling_out = memory.rolling_out, ""
    return [source_report.rolled_out(release)] if release else [], follows

"""An event loop whose clock jumps: what waits for a time waits no time at all.

When nothing is ready to run, the clock is put forward to the next timer. Threads, sockets and child processes take
the time that they take: while there is any, the clock goes as all clocks do.

    @in_virtual_time
    async def test_that_it_is_tried_again_after_five_minutes() -> None: ...
"""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Of the loop's clock: longer than anything that is waited for.
AT_MOST = 7200.0
_LONG = 600.0
_STEP, _LONGEST_STEP = 0.01, 1.0
# By which threads wake the loop; more files are sockets or pipes that somebody else writes to.
_OWN_FILES = 1
# The longest wait for a thread or a socket until it is looked whether all goes well; real seconds.
_LOOK = 0.05


class _JumpingSelector(selectors.DefaultSelector):
    """Doesn't wait, but where there is somebody to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.at_work or len(self.get_map()) > _OWN_FILES:
            return super().select(_LOOK if timeout is None else min(timeout, _LOOK))
        self.jumped += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``time`` is the real time and all that was jumped over."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return time.monotonic() + self._jumping.jumped

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        self._jumping.at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002 - there is no hurry
        """Later Pythons give the threads five minutes, which would be over at once."""
        await super().shutdown_default_executor()

    def _done(self, _: object) -> None:
        self._jumping.at_work -= 1


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """An asynchronous test as a plain one, run on such a loop. One that would wait for ever fails at once."""
    return within_virtual(AT_MOST)(test)


def within_virtual(seconds: float) -> Callable[[Callable[P, Coroutine[Any, Any, None]]], Callable[P, None]]:
    """The same for a test that lasts so long, by the loop's clock."""

    def decorate(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
        @functools.wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(seconds):
                    await test(*args, **kwargs)

            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                runner.run(bounded())

        return run

    return decorate


async def until(condition: Callable[[], object], what: Callable[[], object] | None = None) -> None:
    """Returns once the condition holds; fails, telling ``what`` is instead, after ten minutes of the loop's clock."""
    step = _STEP
    try:
        async with asyncio.timeout(_LONG):
            while not condition():
                await asyncio.sleep(step)
                step = min(step * 1.2, _LONGEST_STEP)
    except TimeoutError:
        raise AssertionError(f"not within {_LONG:g} s; found: {what() if what else condition()}") from None


async def quiet(seconds: float = 1.0) -> None:
    """Let everything happen that happens by itself within so many seconds of the loop's clock."""
    await asyncio.sleep(seconds)

"""``kubectl kotsapp retry`` and ``rerender``: asking the operator for something, and waiting for its answer."""

from argparse import Namespace
from datetime import UTC, datetime

from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.plugin.target import App, Target, conditions, is_current, is_suspended, ready
from kotsapp.names import RENDER_ANNOTATION, RENDER_ANSWER, REQUEST_ANNOTATION, REQUESTS
from kotsapp.text import printable


async def retry(args: Namespace, target: Target) -> int:
    what = "asked for a fresh probe of every image"
    return await _ask(args, target, REQUEST_ANNOTATION, REQUESTS[REQUEST_ANNOTATION], what)


async def rerender(args: Namespace, target: Target) -> int:
    return await _ask(args, target, RENDER_ANNOTATION, RENDER_ANSWER, "asked for a new rendering of its release")


async def _ask(args: Namespace, target: Target, annotation: str, answer: str, what: str) -> int:
    app = await target.app()
    name = app["metadata"]["name"]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if args.wait and is_suspended(app):
        raise CommandError(f"KotsApp {name} is suspended: resume it first, or don't wait", EXIT_PROBLEM)
    await target.patch(app, {"metadata": {"annotations": {annotation: now}}})
    when = ", once spec.suspend is false" if is_suspended(app) else ""
    print(f"kotsapp/{name}: {what}{when}", flush=True)
    if not args.wait:
        return EXIT_OK

    def done(live: App) -> bool:
        # A rendering that nothing is kept of, or that fails, shows in Ready alone.
        answered = (live.get("status") or {}).get(answer) == now or "Stalled" in conditions(live)
        return answered and is_current(live) and "Reconciling" not in conditions(live)

    ended = await target.until(app, done, args.timeout)
    condition = ready(ended or await target.again(app))
    if ended is None:
        raise CommandError(
            f"not done after {args.timeout:g}s: {condition.get('reason')}: {condition.get('message')}", EXIT_PROBLEM
        )
    print(printable(f"kotsapp/{name}: {condition.get('reason')}: {condition.get('message')}"))
    return EXIT_OK if condition.get("status") == "True" else EXIT_PROBLEM

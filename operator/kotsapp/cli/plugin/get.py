"""``kubectl kotsapp get``: all KotsApps, or those of a name, and whether they are well."""

from argparse import Namespace
from typing import Any

from kotsapp.cli.errors import EXIT_OK
from kotsapp.cli.output import print_result
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.target import App, Target, is_suspended, ready
from kotsapp.cli.plugin.terminal import fitted
from kotsapp.cli.plugin.tones import Tone, Toned
from kotsapp.names import GROUP, PLURAL

_HEADS = ("NAMESPACE", "NAME", "READY", "REASON", "VERSION", "IMAGES", "PROXIED", "SUSPENDED", "MESSAGE")
# As the printer columns of `kubectl get -o wide`.
_WIDE = ("SLUG", "CHANNEL", "EXPIRES")


async def run(args: Namespace, target: Target) -> int:
    apps = await target.named()
    if args.output == "name":
        print("\n".join(f"{PLURAL[:-1]}.{GROUP}/{app['metadata']['name']}" for app in apps))
        return EXIT_OK
    wide = args.output == "wide"
    shown = {"items": [_entry(app) for app in apps]}
    print_result(shown, args.output, lambda: _text(apps, target, wide=wide))
    return EXIT_OK


def _entry(app: App) -> dict[str, Any]:
    metadata, status = app["metadata"], app.get("status") or {}
    return {"name": metadata["name"], "namespace": metadata["namespace"], "suspended": is_suspended(app), **status}


def _text(apps: list[App], target: Target, *, wide: bool) -> str:
    if not apps:
        return f"no KotsApps in {target.where}"
    heads = [*_HEADS[:-1], *_WIDE, _HEADS[-1]] if wide else _HEADS
    # As kubectl has it: a namespace that was asked for need not be shown.
    first = 0 if target.everywhere else 1
    return fitted(heads[first:], [_row(app, wide=wide)[first:] for app in apps])


def _row(app: App, *, wide: bool) -> tuple[object, ...]:
    license = (app.get("status") or {}).get("license") or {}
    more = [license.get(name, "") for name in ("appSlug", "channelName", "expiresAt")] if wide else []
    summary = (app.get("status") or {}).get("imageSummary") or {}
    condition = ready(app)
    return (
        app["metadata"]["namespace"],
        app["metadata"]["name"],
        *tones.condition("Ready", condition.get("status", "Unknown"), condition.get("reason", "")),
        ((app.get("status") or {}).get("release") or {}).get("versionLabel", ""),
        summary.get("total", ""),
        summary.get("proxied", ""),
        Toned("True", Tone.BUSY) if is_suspended(app) else "",
        *more,
        condition.get("message", ""),
    )

"""``kubectl kotsapp suspend`` and ``resume``: leaving an app alone, and taking it up again."""

from argparse import Namespace

from kotsapp.cli.errors import EXIT_OK
from kotsapp.cli.plugin.target import Target, is_suspended


async def suspend(args: Namespace, target: Target) -> int:  # noqa: ARG001 - as every verb
    return await _set(target, wanted=True, message="suspended: nothing is probed, applied or repaired")


async def resume(args: Namespace, target: Target) -> int:  # noqa: ARG001 - as every verb
    return await _set(target, wanted=False, message="resumed")


async def _set(target: Target, *, wanted: bool, message: str) -> int:
    app = await target.app()
    name = app["metadata"]["name"]
    if is_suspended(app) == wanted:
        print(f"kotsapp/{name}: {'suspended' if wanted else 'not suspended'} already")
        return EXIT_OK
    await target.patch(app, {"spec": {"suspend": wanted}})
    managers = {str(entry.get("manager")) for entry in app["metadata"].get("managedFields") or ()}
    gitops = sorted(managers & {"argocd-controller", "kustomize-controller", "helm-controller"})
    kept = f"; {', '.join(gitops)} may put it back: set it in Git" if gitops else ""
    print(f"kotsapp/{name}: {message}{kept}")
    return EXIT_OK

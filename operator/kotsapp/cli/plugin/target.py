"""Which KotsApp is meant, and the requests that every verb makes."""

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.names import API_VERSION, KIND
from kotsapp.text import listed

if TYPE_CHECKING:  # a plugin that is asked for help need not load a client
    from kotsapp.kube.client import KubeClient
    from kotsapp.kube.discovery import ResourceType

App = dict[str, Any]

OPERATOR_LABEL = "app.kubernetes.io/name=kotsapp-operator"
# A person waits, and the API server has one small object to read.
POLL_SECONDS = 0.5
MAX_NAMED = 5


class Target:
    """The cluster, and where in it the arguments point."""

    def __init__(self, client: "KubeClient", args: Namespace, default_namespace: str) -> None:
        self.client = client
        self._name: str | None = getattr(args, "name", None)
        self.everywhere: bool = args.all_namespaces
        self._namespace: str = args.namespace or default_namespace

    @property
    def where(self) -> str:
        return "any namespace" if self.everywhere else f"namespace {self._namespace}"

    async def kind(self) -> "ResourceType":
        from kotsapp.kube.errors import UnknownKindError

        try:
            return await self.client.resource_type(API_VERSION, KIND)
        except UnknownKindError:
            raise CommandError("the cluster knows no KotsApps: install the operator first", EXIT_PROBLEM) from None

    async def apps(self) -> list[App]:
        """All KotsApps there, by namespace and name."""
        found, _ = await self.client.list(await self.kind(), None if self.everywhere else self._namespace)
        return sorted(found, key=lambda app: (app["metadata"]["namespace"], app["metadata"]["name"]))

    async def named(self) -> list[App]:
        """Those of the name that was given, or all. Raises CommandError when there is none of that name."""
        found = [app for app in await self.apps() if self._name in (None, app["metadata"]["name"])]
        if self._name and not found:
            raise await self._none_of_that_name()
        return found

    async def app(self) -> App:
        """The one that is meant. Raises CommandError when there is none, or more than one."""
        if self._name and not self.everywhere:
            app = await self.client.get(await self.kind(), self._name, self._namespace)
            if app is None:
                raise await self._none_of_that_name()
            return app
        found = await self.named()
        if len(found) == 1:
            return found[0]
        if not found:
            raise CommandError(f"there is no KotsApp in {self.where}{self._elsewhere}", EXIT_PROBLEM)
        wanted = f"KotsApp {self._name}" if self._name else "KotsApp"
        names = ", ".join(f"{app['metadata']['namespace']}/{app['metadata']['name']}" for app in found)
        raise CommandError(f"there is more than one {wanted} in {self.where}, say which: {names}")

    @property
    def _elsewhere(self) -> str:
        return "" if self.everywhere else "; kubectl kotsapp get -A lists those of all namespaces"

    async def _none_of_that_name(self) -> CommandError:
        names = [str(app["metadata"]["name"]) for app in await self.apps()]
        there = f"; there is {listed(names, MAX_NAMED)}" if names else self._elsewhere
        return CommandError(f"there is no KotsApp {self._name} in {self.where}{there}", EXIT_PROBLEM)

    async def again(self, app: App) -> App:
        """The same one as it is now. Raises CommandError when it is gone."""
        name, namespace = app["metadata"]["name"], app["metadata"]["namespace"]
        now = await self.client.get(await self.kind(), name, namespace)
        if now is None or now["metadata"]["uid"] != app["metadata"]["uid"]:
            raise CommandError(f"KotsApp {name} was deleted", EXIT_PROBLEM)
        return now

    async def patch(self, app: App, patch: Mapping[str, Any]) -> App:
        return await self.client.merge(await self.kind(), app["metadata"]["name"], app["metadata"]["namespace"], patch)

    async def until(self, app: App, done: Callable[[App], bool], timeout: float) -> App | None:
        """The app once ``done`` says so of it, None when ``timeout`` seconds were not enough."""
        deadline = time.monotonic() + timeout
        while True:
            app = await self.again(app)
            if done(app):
                return app
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(POLL_SECONDS)


def conditions(app: App) -> dict[str, dict[str, Any]]:
    """The app's conditions by their type."""
    return {str(c.get("type")): c for c in (app.get("status") or {}).get("conditions") or ()}


def ready(app: App) -> dict[str, Any]:
    """The Ready condition, empty without one."""
    return conditions(app).get("Ready", {})


def is_suspended(app: App) -> bool:
    return bool((app.get("spec") or {}).get("suspend"))


def is_current(app: App) -> bool:
    """Whether the newest spec is what Ready is about."""
    return bool(ready(app).get("observedGeneration") == app["metadata"].get("generation"))


def outdated(app: App) -> str:
    """Why what is shown is not about the newest spec."""
    if is_suspended(app):
        return "what is below was true before it was suspended"
    if not ready(app):
        return (
            f"no operator has looked at it yet; is one running? kubectl get pods --all-namespaces -l {OPERATOR_LABEL}"
        )
    return "the newest change is not taken up yet; what is below is about an earlier one"

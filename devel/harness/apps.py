"""KotsApps for the tests, each in a namespace of its own, and what is looked at."""

import base64
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.licenses import Signer
from harness.waiting import until
from localworld.api import ApiError
from localworld.world import World

PRIVATE = "quay.io/my-org/api:v1.0.1"
PUBLIC = "busybox:1.36"
VENDOR = "registry.replicated.com/my-kots-app/worker:v1.0.1"
PROXIED = f"proxy.replicated.com/proxy/my-kots-app/{PRIVATE}"
# The first minor version of Kubernetes whose API server checks a definition's CEL rules unasked.
CEL_MINOR = 25
# Nothing listens where this host is, until a test puts something there.
DOWN = "down.example.invalid"
# A test's own server, which repeats in its answers whatever credential it was given.
TALKATIVE = "talkative.example.invalid"
SLUG, LICENSE_ID = "my-kots-app", "local-license-id"

_PREFIXES = {
    **dict.fromkeys(
        ("secrets", "configmaps", "services", "pods", "events", "serviceaccounts", "persistentvolumeclaims"), "/api/v1"
    ),
    **dict.fromkeys(("deployments", "statefulsets", "daemonsets", "replicasets"), "/apis/apps/v1"),
    **dict.fromkeys(("jobs", "cronjobs"), "/apis/batch/v1"),
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "kotsapps": "/apis/kotsapp.dev/v1alpha1",
}

_numbers = itertools.count(1)

Object = dict[str, Any]


def deployment(name: str, image: str = PRIVATE, *, replicas: int = 1, **pod: Any) -> Object:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}], **pod},
            },
        },
    }


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def remove_apps(world: World) -> None:
    """Ask for the end of every KotsApp of the world; what is asked once more is no error."""
    apps = world.api.get("/apis/kotsapp.dev/v1alpha1/kotsapps")["items"]
    for namespace in {app["metadata"]["namespace"] for app in apps}:
        world.api.delete(f"/apis/kotsapp.dev/v1alpha1/namespaces/{namespace}/kotsapps")


@dataclass(slots=True)
class Tenant:
    """A namespace with a license Secret ``my-license``, and the calls that a person would make in it."""

    world: World
    signer: Signer
    namespace: str
    made: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, world: World, signer: Signer, **license: Any) -> "Tenant":
        tenant = cls(world, signer, f"t{next(_numbers)}")
        world.create_namespace(tenant.namespace)
        tenant.put_license(**license)
        return tenant

    # -- what a person applies

    def put_license(self, text: str | bytes | None = None, *, name: str = "my-license", **changes: Any) -> None:
        document = self.signer.sign(**changes) if text is None else text
        self.put_secret(name, {"license.yaml": document})

    def put_secret(self, name: str, data: Mapping[str, str | bytes]) -> None:
        encoded = {k: base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode() for k, v in data.items()}
        self._apply("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded})

    def put_config_map(self, name: str, data: Mapping[str, str]) -> None:
        self._apply("configmaps", config_map(name, **data))

    def put_app(self, name: str, manifests: Iterable[Object] | str | Sequence[Object], **spec: Any) -> None:
        """A KotsApp with these objects inline, or with ``spec`` as it is when there are none."""
        text = manifests if isinstance(manifests, str) else yaml.safe_dump_all(manifests, sort_keys=False)
        body = {"license": {"secretRef": {"name": "my-license"}}, "manifests": [{"inline": text}], **spec}
        self.put_app_spec(name, body)

    def put_app_spec(self, name: str, spec: Mapping[str, Any]) -> None:
        app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": name}, "spec": spec}
        self._apply("kotsapps", app)

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        return self.world.kubectl("-n", self.namespace, *arguments, stdin=stdin, check=check)

    def remove_apps(self) -> None:
        """Ask for the end of all of its KotsApps, which the operator then brings about."""
        self.world.api.delete(self.path("kotsapps"))

    # -- what a person looks at

    def app(self, name: str) -> Object:
        return self.get("kotsapps", name)

    def status(self, name: str) -> Object:
        found: Object = self.app(name).get("status") or {}
        return found

    def condition(self, name: str, type_: str = "Ready") -> Object:
        conditions = self.status(name).get("conditions") or ()
        found: Object = next((c for c in conditions if c["type"] == type_), {})
        return found

    def path(self, plural: str, name: str = "") -> str:
        return f"{_PREFIXES[plural]}/namespaces/{self.namespace}/{plural}/{name}".rstrip("/")

    def get(self, plural: str, name: str) -> Object:
        """The object, empty when there is none."""
        try:
            return self.world.api.get(self.path(plural, name))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise

    def all(self, plural: str) -> list[Object]:
        found: list[Object] = self.world.api.get(self.path(plural))["items"]
        return found

    def events(self) -> list[str]:
        """Reasons of the events about KotsApps here, oldest first."""
        items = [e for e in self.all("events") if e["involvedObject"]["kind"] == "KotsApp"]
        return [e["reason"] for e in sorted(items, key=lambda e: int(e["metadata"]["resourceVersion"]))]

    def images(self, name: str) -> dict[str, Object]:
        return {entry["image"]: entry for entry in self.status(name).get("images") or ()}

    # -- what a person waits for

    def wait_ready(self, name: str, seconds: float = 40.0) -> None:
        seen: list[Object] = []

        def ready() -> bool:
            app = self.app(name)
            condition: Object = next(
                (c for c in app.get("status", {}).get("conditions", ()) if c["type"] == "Ready"), {}
            )
            seen[:] = [condition]
            generation = app["metadata"]["generation"]
            return condition.get("status") == "True" and app["status"].get("observedGeneration") == generation

        try:
            until(ready, f"KotsApp {name} is Ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None

    def wait_reason(self, name: str, reason: str, seconds: float = 30.0) -> Object:
        """The Ready condition, once it has this reason."""
        return until(
            lambda: c if (c := self.condition(name)).get("reason") == reason else None,
            f"KotsApp {name} has Ready reason {reason}; it is {self.condition(name)}",
            seconds,
        )

    def _apply(self, plural: str, obj: Object) -> None:
        self.world.api.apply(self.path(plural, obj["metadata"]["name"]), obj)

"""Apps that are created, changed and deleted while something is broken, and what must be true of them afterwards."""

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.apps import PRIVATE, PUBLIC, VENDOR, Object, Tenant, config_map, deployment
from harness.waiting import until
from localworld.api import ApiError

IMAGES = (PRIVATE, PUBLIC, VENDOR)
KINDS = ("deployments", "configmaps", "secrets", "services")
NAME_LABEL, NAMESPACE_LABEL = "kotsapp.dev/name", "kotsapp.dev/namespace"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one app holds: a Deployment with this image, so many ConfigMaps with this value, a Service of its own."""

    image: str = PRIVATE
    value: int = 0
    maps: int = 1

    def objects(self, name: str) -> list[Object]:
        maps = [config_map(f"{name}-{i}", value=str(self.value)) for i in range(self.maps)]
        # Headless, so that it is the same in every namespace.
        ports = {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 80}]}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": ports}
        return [deployment(name, self.image), service, *maps]


@dataclass(slots=True)
class Fleet:
    """Apps ``steady-N`` that nobody changes, and apps ``app-N`` that come, change and go."""

    tenant: Tenant
    rng: random.Random
    apps: dict[str, Wanted] = field(default_factory=dict)
    # Every pod template that was ever asked for, by app.
    templates: dict[str, set[str]] = field(default_factory=dict)
    pods: dict[str, set[str]] = field(default_factory=dict)
    made: int = 0
    changes: int = 0
    last: str = ""

    def start(self, *, steady: int, changing: int) -> None:
        """Make the first apps and wait until they run."""
        for i in range(steady):
            self._put(f"steady-{i}", Wanted(IMAGES[i % len(IMAGES)]))
        for _ in range(changing):
            self.create()
        self.wait_ready()
        self.pods = {name: self._pods(name) for name in self.apps if name.startswith("steady")}

    def disturb(self) -> None:
        """One change that a person might make."""
        self.changes += 1
        moving = [name for name in self.apps if name.startswith("app")]
        if len(moving) < 3 or (len(moving) < 8 and self.rng.random() < 0.2):
            self.create()
            return
        # What was changed last is often changed again, before the operator has come to the end of the first change.
        name = self.last if self.last in moving and self.rng.random() < 0.5 else self.rng.choice(moving)
        self.last = name
        was = self.apps[name]
        kind = self.rng.randrange(5)
        if kind == 0:
            self.apps.pop(name)
            self.tenant.world.api.delete(self.tenant.path("kotsapps", name))
        elif kind == 1:
            self._put(name, Wanted(self.rng.choice(IMAGES), was.value, was.maps))
        elif kind == 2:
            self._put(name, Wanted(was.image, was.value + 1, was.maps))
        elif kind == 3:
            self._put(name, Wanted(was.image, was.value, self.rng.randrange(1, 4)))
        else:
            self._tamper(name)

    def create(self) -> None:
        self.made += 1
        self.last = f"app-{self.made}"
        self._put(self.last, Wanted(self.rng.choice(IMAGES), maps=self.rng.randrange(1, 4)))

    def wait_ready(self, seconds: float = 90.0) -> None:
        """Until all that is wanted is Ready at its newest generation, and nothing else is there."""
        try:
            until(lambda: not self.unready(), "every app is Ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.unready()[:3]}") from None

    def unready(self) -> list[str]:
        """The apps that are not as they should be, by their status."""
        there = {app["metadata"]["name"]: app for app in self.tenant.all("kotsapps")}
        odd = sorted(there.keys() ^ self.apps.keys())
        return odd + [f"{name}: {_ready(app)}" for name, app in there.items() if not _is_ready(app)]

    def check(self, reference: Tenant) -> None:
        """Against apps of the same wish that one undisturbed operator made in the namespace ``reference``."""
        for name, wanted in self.apps.items():
            _put(reference, name, wanted)
        Fleet(reference, self.rng, dict(self.apps)).wait_ready()
        until(lambda: self._labelled() == _labelled_in(reference), "the objects are the same", 20)
        assert self._labelled() == _labelled_in(reference)
        for name in self.apps:
            assert _reported(self.tenant.app(name)) == _reported(reference.app(name))
        self.check_restarts()

    def check_restarts(self) -> None:
        """No pod of a steady app was made anew, and no template but the ones that were asked for was rolled out."""
        assert {name: self._pods(name) for name in self.pods} == self.pods
        sets: dict[str, int] = {}
        for item in self.tenant.all("replicasets"):
            owner = item["metadata"]["ownerReferences"][0]["name"]
            sets[owner] = sets.get(owner, 0) + 1
        too_many = {n: (c, self.templates[n]) for n, c in sets.items() if n in self.apps and c > len(self.templates[n])}
        assert not too_many, too_many

    def _put(self, name: str, wanted: Wanted) -> None:
        self.apps[name] = wanted
        self.templates.setdefault(name, set()).add(wanted.image)
        _put(self.tenant, name, wanted)

    def _tamper(self, name: str) -> None:
        """Somebody changes or deletes an object of the app by hand."""
        path = self.tenant.path("configmaps", f"{name}-0")
        with suppress(ApiError):  # it may not be there yet
            if self.rng.random() < 0.5:
                self.tenant.world.api.delete(path)
            else:
                self.tenant.world.api.merge(path, {"data": {"value": "tampered"}})

    def _pods(self, name: str) -> set[str]:
        return {p["metadata"]["uid"] for p in self.tenant.all("pods") if p["metadata"]["labels"].get("app") == name}

    def _labelled(self) -> dict[str, Object]:
        return _labelled_in(self.tenant)


def _put(tenant: Tenant, name: str, wanted: Wanted) -> None:
    text = yaml.safe_dump_all(wanted.objects(name), sort_keys=False)
    tenant.put_app(name, text, pullSecret={"name": f"{name}-registry"})


def _is_ready(app: Object) -> bool:
    status = app.get("status") or {}
    return _ready(app).get("status") == "True" and status.get("observedGeneration") == app["metadata"]["generation"]


def _ready(app: Object) -> Mapping[str, Any]:
    conditions = (app.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == "Ready"), {})


def _labelled_in(tenant: Tenant) -> dict[str, Object]:
    """Everything in the namespace that says it is an app's, without what differs between namespaces and in time."""
    found = {}
    for plural in KINDS:
        for item in tenant.all(plural):
            metadata = item["metadata"]
            labels = dict(metadata.get("labels") or {})
            if labels.pop(NAMESPACE_LABEL, None) is None:
                continue
            annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if "deployment" not in k}
            found[f"{plural}/{metadata['name']}"] = {
                "labels": labels,
                "annotations": annotations,
                "owners": [owner["name"] for owner in metadata.get("ownerReferences", ())],
                "content": {k: item.get(k) for k in ("spec", "data", "type")},
            }
    return found


def _reported(app: Object) -> Object:
    """The status without times, generations and the namespace's name."""
    status = app["status"]
    return {
        "conditions": [(c["type"], c["status"], c["reason"]) for c in status["conditions"]],
        "images": [{k: v for k, v in image.items() if k != "lastTransitionTime"} for image in status["images"]],
        "workloads": [(w["kind"], w["name"], w["state"]) for w in status["workloads"]],
        "inventory": [(e["kind"], e["name"]) for e in status["inventory"]],
        "summary": json.dumps(status["imageSummary"], sort_keys=True),
        "finalizers": app["metadata"].get("finalizers"),
    }

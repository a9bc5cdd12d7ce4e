"""What can happen to a KotsApp in its life, step by step; each step ends when the operator has answered it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.apps import PRIVATE, PUBLIC, Object, Tenant, config_map, deployment
from harness.waiting import until

NAME = "life"
# No such host is known to the world, so that nobody ever answers for it.
UNKNOWN = "nowhere.life.invalid/team/app:v1"


def unready(workload: Object) -> Object:
    """The workload with pods that never become ready, once their images are pulled."""
    changed = copy.deepcopy(workload)
    changed["spec"]["template"]["metadata"]["annotations"] = {"localworld/outcome": "unready"}
    return changed


@dataclass(slots=True)
class Life:
    """One KotsApp and the steps that may happen to it, in any order, once it was created."""

    tenant: Tenant
    spec: dict[str, Any] = field(default_factory=dict)
    objects: list[Object] = field(
        default_factory=lambda: [deployment("example", PRIVATE), config_map("settings", a="b")]
    )

    def put(self, objects: list[Object] | str | None = None, **spec: Any) -> None:
        self.spec = {k: v for k, v in {**self.spec, **spec}.items() if v is not None}
        self.tenant.put_app(NAME, self.objects if objects is None else objects, **self.spec)

    def ready(self) -> None:
        self.tenant.wait_ready(NAME)

    def reason(self, reason: str) -> None:
        """Until Ready has this reason for the newest generation."""

        def reported() -> bool:
            ready, generation = self.tenant.condition(NAME), self.tenant.app(NAME)["metadata"]["generation"]
            return ready.get("reason") == reason and ready["observedGeneration"] == generation

        until(reported, f"{NAME} has reason {reason}, it is {self.tenant.condition(NAME)}")

    # -- steps that need a person, each followed by the mending

    def undecided(self) -> None:
        self.put([deployment("example", UNKNOWN)])
        self.reason("ImagesUndecided")
        self.put()
        self.ready()

    def invalid(self) -> None:
        self.put("kind: [")
        self.reason("InvalidManifest")
        self.put()
        self.ready()

    def refused(self) -> None:
        self.put([*self.objects, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "not-yours"}}])
        self.reason("ObjectRefused")
        self.put()
        self.ready()

    def unhealthy(self) -> None:
        self.put([unready(self.objects[0]), self.objects[1]], timeout="1s")
        self.reason("WorkloadsUnhealthy")
        self.put(timeout=None)
        self.ready()

    def expired(self) -> None:
        self.tenant.put_license(expires_at="2020-01-01T00:00:00Z")
        self.reason("LicenseExpired")
        self.tenant.put_license()
        self.ready()

    def without_license(self) -> None:
        self.tenant.kubectl("delete", "secret", "my-license")
        self.reason("LicenseNotFound")
        self.tenant.put_license()
        self.ready()

    # -- steps that the operator answers by itself

    def image_changed(self) -> None:
        self.objects = [deployment("example", PUBLIC), self.objects[1]]
        self.put()
        self.ready()

    def drifted(self) -> None:
        path, repairs = self.tenant.path("deployments", "example"), self.tenant.events().count("DriftRepaired")
        self.tenant.world.api.merge(path, {"spec": {"replicas": 3}})
        until(lambda: self.tenant.get("deployments", "example")["spec"]["replicas"] == 1, "the drift is repaired")
        # Ready as it was before would pass for Ready again.
        until(lambda: self.tenant.events().count("DriftRepaired") > repairs, "the repair is told")
        self.ready()

    def object_deleted(self) -> None:
        self.tenant.kubectl("delete", "configmap", "settings")
        until(lambda: self.tenant.get("configmaps", "settings"), "the object is back")
        self.ready()

    def object_left_the_manifests(self) -> None:
        self.put([*self.objects, config_map("extra")])
        self.ready()
        self.put()
        until(lambda: not self.tenant.get("configmaps", "extra"), "what left the manifests is pruned")
        self.ready()

    def suspended(self) -> None:
        self.put(suspend=True)
        self.tenant.kubectl("delete", "configmap", "settings")
        self.put(suspend=None)
        until(lambda: self.tenant.get("configmaps", "settings"), "the object is back")
        self.ready()

    def deleted(self) -> None:
        self.tenant.kubectl("delete", "kotsapp", NAME)
        until(lambda: not self.tenant.get("deployments", "example"), "the objects are gone")

    @property
    def steps(self) -> list[Callable[[], None]]:
        """Every step that leaves the app Ready."""
        return [
            self.undecided,
            self.invalid,
            self.refused,
            self.unhealthy,
            self.expired,
            self.without_license,
            self.image_changed,
            self.drifted,
            self.object_deleted,
            self.object_left_the_manifests,
            self.suspended,
        ]

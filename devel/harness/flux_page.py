"""The page of docs/gitops.md in a cluster with Flux: its repository, its objects, and what Flux makes of a commit."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.apps import PRIVATE, Object, Tenant, config_map, deployment
from harness.flux import FluxObjects, Sops, page_objects
from harness.forked import ForkedOperator
from harness.gitops_page import APP, commit
from harness.running import ACCOUNT, Operator
from harness.waiting import until
from localworld.api import ApiError
from localworld.flux import NAMESPACE as FLUX

OPERATOR = "kotsapp-operator"


def release(*objects: Object) -> str:
    return yaml.safe_dump_all(objects)


def first_release() -> str:
    return release(deployment("web", PRIVATE), config_map("settings", version="1"))


@dataclass(slots=True)
class Page:
    """The page's repository in a cluster with Flux, and an operator that begins once Flux has installed it.

    The Deployment that Flux applies runs nothing on the node stand-in: the operator is a process of this machine, with
    the account that Flux applied.
    """

    flux: FluxObjects
    folder: Path
    tenant: Tenant
    sops: Sops
    operator_folder: Path
    operator: Operator | None = None

    def first(self) -> None:
        """All that the page has Flux do, at once, as into a new cluster; goes on when the operator is installed."""
        key = {"apiVersion": "v1", "kind": "Secret", "stringData": {"age.agekey": self.sops.key}}
        key |= {"metadata": {"name": "sops-age", "namespace": FLUX}}
        world = self.tenant.world
        world.api.apply(f"/api/v1/namespaces/{FLUX}/secrets/sops-age", key)
        self.flux.apply(*page_objects("decryption:"))
        if self.operator is None:
            until(self._has_account, "Flux has applied the operator's account", 120)
            self.operator = ForkedOperator(world, self.operator_folder, self.tenant.signer.folder).start()

    def commit(self, text: str) -> Object:
        """A new release of the vendor's; Flux's Ready condition, when it is done with it."""
        commit(self.folder, text)
        return self.pushed()

    def pushed(self) -> Object:
        """What is in the tree now; Flux's Ready condition, when it is done with it."""
        return self.told(self.flux.settled(self.flux.pushed()))

    def told(self, ready: Object) -> Object:
        """Printed beside the app's own, for ``make gitops`` to show."""
        own = self.tenant.condition(APP)
        stalled = "".join(f" {t}" for t in ("Stalled", "Suspended") if self.tenant.condition(APP, t))
        print(f"Flux  Ready={ready['status']} {ready['reason']}: {ready['message']}")
        if own:
            print(f"  app Ready={own['status']} {own['reason']}{stalled}: {own['message']}")
        return ready

    def app_is_gone(self) -> bool:
        return not self.tenant.app(APP)

    def _has_account(self) -> bool:
        namespace, name = ACCOUNT
        try:
            return bool(self.tenant.world.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"))
        except ApiError:
            return False

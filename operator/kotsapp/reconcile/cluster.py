"""Where an app's objects are applied and looked up: as whom, and what all apps share."""

from kotsapp.apply.inventory import Inventory
from kotsapp.apply.session import Cluster
from kotsapp.kube.client import KubeClient
from kotsapp.kube.objects import ObjectKey, Owner
from kotsapp.names import API_VERSION, KIND
from kotsapp.reconcile.app import App
from kotsapp.reconcile.impersonation import client_of
from kotsapp.reconcile.lookup_server import Looker
from kotsapp.reconcile.services import Services


def cluster_for(app: App, services: Services) -> Cluster:
    """The cluster as the app's account, or the operator, works in it."""
    return Cluster(
        client=client_of(app, app.account, services),
        cache=services.cache,
        client_of=lambda name: client_of(app, name, services),
        holds=lambda owner, key: _holds(owner, key, services.client),
        by_namespace=bool(services.settings.namespaces),
        waiting=lambda: services.limiter.waiting(app.tenant),
        aside=services.aside,
    )


def looker_for(app: App, services: Services) -> Looker:
    """As whom charts look up: as the app's account, or without one for the app's own objects alone."""
    client = client_of(app, app.account, services)
    return Looker(client, app.namespace, None if app.account else app.labels)


async def _holds(owner: Owner, key: ObjectKey, client: KubeClient) -> bool:
    """Whether another KotsApp is there and has the object in its inventory."""
    app = await client.get(await client.resource_type(API_VERSION, KIND), owner.name, owner.namespace)
    if app is None:
        return False
    return Inventory.from_status((app.get("status") or {}).get("inventory") or ()).get(key) is not None

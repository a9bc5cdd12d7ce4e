"""Our finalizer on the resource: while it is there, what was made for the app can be deleted before the app goes."""

import logging

from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError
from kotsapp.names import API_VERSION, FINALIZER, KIND
from kotsapp.reconcile.app import App
from kotsapp.reconcile.status_writer import live_app

logger = logging.getLogger(__name__)


async def set_finalizer(app: App, wanted: bool, client: KubeClient) -> None:
    """Have the finalizer there or not, while the resource is there; a failure is tried again by who asks."""
    try:
        live = await live_app(app, client)
        if live is None:
            return
        metadata = live["metadata"]
        others = [name for name in metadata.get("finalizers") or () if name != FINALIZER]
        finalizers = [*others, FINALIZER] if wanted else others
        if finalizers == metadata.get("finalizers", []) or (wanted and "deletionTimestamp" in metadata):
            return
        patch = {"resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}
        kind = await client.resource_type(API_VERSION, KIND)
        await client.merge(kind, app.name, app.namespace, {"metadata": patch})
    except ApiError as error:
        logger.warning("%s: the finalizer can't be changed: %s", app.key, error)

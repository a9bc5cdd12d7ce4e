"""What ServiceAccounts carry: pods that get the license's pull secret keep it (DESIGN 3)."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from kotsapp.images.accounts import Account, accounts_of, carried, secrets_in_manifests
from kotsapp.images.image_path import ImagePath
from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.reconcile.app import App
from kotsapp.reconcile.services import InputServices

logger = logging.getLogger(__name__)

KIND = "ServiceAccount"

# The names of pull secrets, by whose they are.
SecretsOfAccounts = Mapping[Account, Sequence[str]]


async def account_secrets(
    app: App,
    objects: Sequence[Mapping[str, Any]],
    routed: Iterable[str],
    image_paths: Sequence[ImagePath],
    watched: frozenset[tuple[str, str]],
    services: InputServices,
) -> SecretsOfAccounts:
    """What the accounts carry whose pods get the pull secret for one of the ``routed`` images. Raises ApiError.

    A manifest that lists pull secrets is taken at its word; the live account counts where none does. From then on a
    change of an account in the app's namespace wakes the app, beside the references that are ``watched`` already;
    accounts elsewhere are looked at whenever the app is.
    """
    in_manifests = secrets_in_manifests(objects)
    live = sorted(accounts_of(objects, routed, image_paths) - in_manifests.keys())
    here = {(KIND, account.name) for account in live if account.namespace == app.namespace}
    if here:
        await services.follow(app, watched | here)
    return {**in_manifests, **await read_accounts(live, services.client)}


async def read_accounts(accounts: Sequence[Account], client: KubeClient) -> dict[Account, tuple[str, ...]]:
    """What live accounts carry; nothing where one is not there, or may not be read. Raises ApiError.

    With the operator's own rights: whoever applies a pod is shown by it what its account carries.
    """
    if not accounts:
        return {}
    kind = await client.resource_type("v1", KIND)
    return dict(zip(accounts, await asyncio.gather(*(_read(one, kind, client) for one in accounts)), strict=True))


async def _read(account: Account, kind: ResourceType, client: KubeClient) -> tuple[str, ...]:
    try:
        live = await client.get(kind, account.name, account.namespace)
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        logger.warning("pods of ServiceAccount %s/%s don't keep its pull secrets: %s", *account, error)
        return ()
    return () if live is None else carried(live)

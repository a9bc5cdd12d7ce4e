"""With what a source outside the cluster is asked: the license where it may be shown, else a login."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from kotsapp.api.refs import SourceKind
from kotsapp.api.spec import Spec
from kotsapp.license import License
from kotsapp.pullsecret import SECRET_KEY
from kotsapp.reconcile.app import App
from kotsapp.reconcile.inputs import read_key
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import Share
from kotsapp.sources.artifact import Access, Artifact
from kotsapp.sources.channel import ReleaseFacts
from kotsapp.sources.errors import SourceRefusedError
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.sources.license_registries import opened_by
from kotsapp.sources.oci_ref import OciRef

# Of a Secret of type kubernetes.io/dockercfg.
_OLDER_KEY = ".dockercfg"


def channel_domains(spec: Spec, artifacts: Mapping[str, Artifact]) -> tuple[str, ...]:
    """The domains that the channel's release came with: the endpoint vouches for them, which the license has signed."""
    names = [item.name for item in spec.remote if isinstance(item, ChannelRelease)]
    facts = [ReleaseFacts.of(artifacts[name].facts) for name in names if name in artifacts]
    return tuple(domain for one in facts for domain in (one.proxy_domain, one.registry_domain))


def opened_by_license(spec: Spec, license: License, vouched: Iterable[str | None]) -> frozenset[str]:
    """The hosts of the spec's sources to which the license id is sent: registries, and the vendor's endpoint."""
    registries = {item.registry for item in spec.remote if isinstance(item, OciRef)} & opened_by(license, *vouched)
    channel = any(isinstance(item, ChannelRelease) for item in spec.remote) and license.verified
    endpoint = urlsplit(license.settings.get("endpoint", "")).netloc if channel else ""
    return frozenset(registries | ({endpoint} if endpoint else set()))


async def read_logins(app: App, spec: Spec, services: Services, share: Share) -> dict[str, bytes | None]:
    """The content of the Secrets with logins that sources name, by name; None for what isn't there. Raises ApiError,
    and LargerError: sixty sources may name as many Secrets of a megabyte."""
    names = {item.secret for item in spec.remote if isinstance(item, OciRef) and item.secret is not None}
    logins: dict[str, bytes | None] = {}
    for name in sorted(names):
        logins[name] = await _login(app, name, services)
        share.hold(len(logins[name] or b""))
    return logins


async def _login(app: App, name: str, services: Services) -> bytes | None:
    for key in (SECRET_KEY, _OLDER_KEY):
        if (content := await read_key(app, SourceKind.SECRET, name, key, services)) is not None:
            return content
    return None


def access_for(
    app: App,
    spec: Spec,
    license: License,
    item: RemoteItem,
    logins: Mapping[str, bytes | None],
    channels: Iterable[str] = (),
) -> Access:
    """``channels`` are the domains of the channel's release, where one is known. Raises SourceRefusedError where the
    Secret that the item names has no login."""
    hosts = opened_by(license, spec.proxy.domain, spec.proxy.registry_domain, *channels)
    if not isinstance(item, OciRef) or item.secret is None or item.registry in hosts:
        return Access(license, app.tenant, hosts)
    login = logins.get(item.secret)
    if login is None:
        raise SourceRefusedError(
            f"{item.name}: there is no Secret {item.secret} with key {SECRET_KEY} in namespace {app.namespace}; make it"
            f" with: kubectl create secret docker-registry {item.secret} --namespace {app.namespace}"
            f" --docker-server={item.registry} --docker-username=USER --docker-password=PASSWORD"
        )
    return Access(license, app.tenant, hosts, login)

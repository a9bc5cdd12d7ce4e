"""The step that asks for all images of an app at once, and says from where pods pull each."""

from collections.abc import Sequence

from kotsapp.api.spec import Spec
from kotsapp.images.reference import Reference
from kotsapp.images.usage import InvalidImagesError, parse_used
from kotsapp.license import License
from kotsapp.license.facts import facts, to_status
from kotsapp.pullsecret import USER_NAME
from kotsapp.reconcile import routing
from kotsapp.reconcile.app import App
from kotsapp.reconcile.inputs import license_condition
from kotsapp.reconcile.license_hosts import LicenseHosts, license_hosts
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.pods import PodRouting
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.rendering import secret_name
from kotsapp.reconcile.routing import ImagesResult
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.source_access import opened_by_license
from kotsapp.reconcile.verdict_history import VerdictHistory
from kotsapp.registry.credential import Credential
from kotsapp.release.reader import Release
from kotsapp.release.renderer import Renderer
from kotsapp.verdicts.resolver import Policy, Routing, resolve_all


class ImageRouting:
    """Routes the images of one reconciliation: those of the release, and those of ``pods`` that others make."""

    def __init__(self, app: App, services: Services, memory: Memory, progress: Progress) -> None:
        self.pods = PodRouting(app, services, memory, progress)
        self._app = app
        self._services = services
        self._memory = memory
        self._progress = progress

    async def route(
        self, spec: Spec, license: License, renderer: Renderer, release: Release, *, same_license: bool
    ) -> ImagesResult:
        """The images' routes, which status has from here. Raises ReconcileError while an image holds the rollout back,
        or is no reference; ApiError.

        With the ``same_license`` as in the status, what the proxy has proved to it counts on.
        """
        used = await self._services.aside.run(release.objects, routing.used_in, release, spec)
        try:
            references = parse_used(used.users)
        except InvalidImagesError as error:
            raise routing.invalid(error) from None
        domains = renderer.domains(release.application).opening(references)
        vouched = renderer.vouched_domains
        fetched_from = opened_by_license(spec, license, vouched)
        self._note_hosts(license, license_hosts(license, vouched, release.application, domains, fetched_from))
        beside = await self.pods.images(spec, license, secret_name(spec, license), used.users.keys())
        references += parse_used(beside.users)
        policy = routing.policy(self._app, spec, license, release, domains)
        credential = Credential(USER_NAME, license.license_id, domains.hosts)
        routed = await self._resolve(references, policy, credential, spec.probe.interval, same_license=same_license)
        own, of_pods = routing.split(routed, used.users)
        images = routing.result(own, used, release, spec)
        of_pods = beside.for_pods(of_pods)
        obsolete = images.obsolete() | self.pods.obsolete(spec)
        self._progress.found(images=images.findings(of_pods, beside.users), obsolete=obsolete)
        self._progress.found(*images.conditions())
        await self.pods.note(spec, beside.target, own.resolutions, of_pods)
        if obstacle := images.obstacle():
            raise obstacle
        return images

    async def _resolve(
        self,
        references: Sequence[Reference],
        policy: Policy,
        credential: Credential,
        interval: float,
        *,
        same_license: bool,
    ) -> Routing:
        """Ask for what is not known from before, or is older than ``interval`` seconds, and remember the answers."""
        history = self._memory.verdicts or VerdictHistory.of(self._progress.before)
        refresh = self._memory.refresh
        if refresh:
            history = history.forgotten()
        self._memory.verdicts = history
        evidence = history.evidence(
            references, self._progress.before, interval, refresh=refresh, same_license=same_license
        )
        async with self._services.limiter.waiting(self._app.tenant):
            routed = await resolve_all(self._services.prober, references, policy, credential, evidence)
        self._memory.refresh = False
        self._memory.verdicts = history.noted(routed.resolutions)
        return routed

    def _note_hosts(self, license: License, found: LicenseHosts) -> None:
        new = found.events(self._progress.before.get("license") or {})
        self._progress.events += [event for event in new if event not in self._progress.events]
        known = {**to_status(facts(license)), "hosts": list(found.hosts)}
        self._progress.found(license_condition(license, found.overridden), license=known)


def local_images(release: Release, images: ImagesResult) -> dict[str, str]:
    """What ``LocalImageName`` answers: from where pods pull the references that calls name."""
    return {image: images.pulls[image].reference for image in release.local_images}

"""The step that renders the release and routes its images; each may need the other (DESIGN 6.3, 6.5)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from kotsapp.api.conditions import Reason
from kotsapp.api.spec import Spec
from kotsapp.license import License
from kotsapp.reconcile import known_secrets, release_store, status
from kotsapp.reconcile.app import App
from kotsapp.reconcile.image_routing import ImageRouting, local_images
from kotsapp.reconcile.input_loader import Loaded
from kotsapp.reconcile.lookup_server import Looker
from kotsapp.reconcile.memory import Memory
from kotsapp.reconcile.outcome import terminal
from kotsapp.reconcile.progress import Progress
from kotsapp.reconcile.rendering import Before, render_for_routes, renderer_for
from kotsapp.reconcile.renderings import Renderings, drawn_before
from kotsapp.reconcile.routing import ImagesResult
from kotsapp.reconcile.services import Services
from kotsapp.reconcile.shares import Share
from kotsapp.release import config
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.jobs import Inputs
from kotsapp.release.reader import Release
from kotsapp.release.renderer import Renderer
from kotsapp.release.store import StoredRelease, is_kept
from kotsapp.text import rfc3339

Route = Callable[[Release], Awaitable[ImagesResult]]


class ReleaseStep:
    """The release of one reconciliation. ``looker`` says as whom charts look up, and checks first that it may be."""

    def __init__(
        self,
        app: App,
        services: Services,
        memory: Memory,
        progress: Progress,
        images: ImageRouting,
        looker: Callable[[], Awaitable[Looker]],
        share: Share,
    ) -> None:
        self._app = app
        self._services = services
        self._memory = memory
        self._progress = progress
        self._images = images
        self._looker = looker
        self._share = share
        self._renderings = Renderings(app, services, memory, progress, share)

    @property
    def deferred(self) -> float:
        """Seconds until a request for a new rendering that came too early is acted on, 0 without one."""
        return self._renderings.deferred

    async def rest(self) -> None:
        """Let go of the release: nothing looks at it again soon."""
        await self._renderings.rest()

    async def render_and_route(self, spec: Spec, loaded: Loaded) -> tuple[Release, ImagesResult]:
        """The release, rendered anew only where one of its inputs has changed, and the routes of its images.

        Raises ReconcileError and ApiError.
        """
        license = loaded.license
        renderer = renderer_for(self._app, spec, license, loaded.answers, loaded.version, self._services.settings.helm)
        route = partial(self._images.route, spec, license, renderer, same_license=loaded.same_license)
        inputs = renderer.inputs(loaded.files)
        stored = await self._renderings.stored()
        if stored is not None:
            current = await self._renderings.current(stored, inputs, renderer, loaded.files)
            if current is not None:
                images = await self._routed(current.release, license, route)
                if local_images(current.release, images) == current.local_images:
                    self._renderings.note(current)
                    return current.release, images
        return await self._rendered_anew(renderer, loaded, stored, inputs, route)

    async def _rendered_anew(
        self, renderer: Renderer, loaded: Loaded, stored: StoredRelease | None, inputs: str, route: Route
    ) -> tuple[Release, ImagesResult]:
        """The release as its inputs are now, kept before anything rolls out."""
        app = self._renderings.timely(stored)
        kept = drawn_before(app, stored)
        lost = stored is None and bool(status.stored_revision(self._progress.before))
        before = Before(release_store.past_of(stored, self._progress.ledger.inventory, lost=lost), self._looker)
        try:
            release, images, answers = await render_for_routes(
                Inputs(renderer, loaded.files, kept=kept),
                lambda given: self._renderings.render(given, before, inputs),
                lambda rendered: self._routed(rendered, loaded.license, route),
                local_images,
            )
        except ConfigIncompleteError as error:
            self._progress.found(config=error.result.names())
            raise terminal(Reason.CONFIG_INCOMPLETE, config.problems_listed(error.problems)) from None
        self._renderings.note_read()  # not before: the second rendering may be the one that a reader dies of
        await self._renderings.keep(
            StoredRelease(
                revision=self._renderings.last_revision(stored) + 1,
                inputs=inputs,
                rendered_at=rfc3339(),
                release=replace(release, charts=(), filler=None),
                facts=renderer.license_facts(release),
                local_images=answers,
                request=app.render_at,
                charts=release_store.records(release.charts),
                content_inputs=renderer.inputs_of(release.content) if release.content else "",
                looked_up_as=self._app.account if any(chart.looks_up for chart in release.charts) else None,
                version=loaded.version.version_label or loaded.version.status_label,
            ),
            kept=is_kept(release),
        )
        return release, images

    async def _routed(self, release: Release, license: License, route: Route) -> ImagesResult:
        """The images' routes, once it is known what of the release may be in no message.

        Raises ReconcileError for an object whose very name reveals the license id.
        """
        aside, redactor = self._services.aside, self._memory.redactor
        learn = known_secrets.learn_release
        if problem := await aside.run(release.objects, learn, redactor, release, license):
            raise terminal(Reason.INVALID_MANIFEST, problem)
        self._share.hold_secrets(redactor.size)
        return await route(release)

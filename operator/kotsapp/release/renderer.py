"""A release rendered: files read, template calls filled in, charts run by helm. One for whoever needs it: the operator,
``kotsapp render`` and ``kotsapp probe``."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kotsapp.images.domains import CustomDomains, resolve_domains
from kotsapp.images.routing import Domains
from kotsapp.images.unhandled import find_unhandled
from kotsapp.manifests.budget import Budget
from kotsapp.pullsecret import dockerconfigjson
from kotsapp.release import sdk
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.charts import ChartRequest
from kotsapp.release.config_values import Answers
from kotsapp.release.context import ClusterFacts, ReleaseVersion, TemplateContext, license_fields
from kotsapp.release.filler import Filling
from kotsapp.release.filling import Drawn
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release
from kotsapp.release.upgrade import Past

if TYPE_CHECKING:
    from kotsapp.license import License
    from kotsapp.release.helm import Cluster
    from kotsapp.release.helm_engine import Engine


_UNKNOWN_VERSION = ReleaseVersion()


@dataclass(frozen=True, slots=True)
class Renderer:
    """What rendering a release takes beside its files; ``instance`` is an id of the app in its cluster.

    ``namespace`` is where the app goes, ``helm`` the program (None for the one on PATH), ``engine`` is one for template
    calls that was started already. ``answers`` are what was given for the release's Config, ``cluster`` is what calls
    may ask about it, ``version`` which release of its channel this is. The domains are a person's own wishes,
    before the release's and the license's. Without a license every template call is refused.
    """

    license: "License | None" = field(repr=False)
    pull_secret: str
    namespace: str
    proxy_domain: str | None = None
    registry_domain: str | None = None
    patch_helm_v2: bool = True
    helm: str | None = None
    engine: "Engine | None" = field(default=None, repr=False)
    answers: Answers = field(default_factory=Answers)
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    instance: str = ""
    version: ReleaseVersion = _UNKNOWN_VERSION

    @property
    def vouched_domains(self) -> tuple[str | None, ...]:
        """Those that come from no document of the release: the user's, and what its channel's release came with."""
        return self.proxy_domain, self.registry_domain, self.version.proxy_domain, self.version.registry_domain

    def domains(self, application: Application) -> Domains:
        """Which hosts the license opens, with what the release's Application says."""
        return resolve_domains(
            CustomDomains(self.proxy_domain, self.registry_domain),
            CustomDomains(self.version.proxy_domain, self.version.registry_domain),
            CustomDomains(application.proxy_domain, application.registry_domain),
            license_proxy=self.license.proxy_domain if self.license else None,
            embedded_proxy=application.embedded_proxy_domain,
        )

    def read(
        self,
        files: Sequence[SourceFile],
        local_images: Mapping[str, str] | None = None,
        kept: Drawn | None = None,
        budget: Budget | None = None,
    ) -> Release:
        """The release without its charts' objects; ``local_images`` are what ``LocalImageName`` answers, ``kept`` is
        what was drawn at random before.

        ``budget`` is what all of it may take, the command line's by default. Raises as ``read_release`` does. Not for
        use on an event loop's thread.
        """
        context = partial(self._context, self.license, local_images or {}) if self.license else None
        filling = Filling(self.answers, kept or Drawn(), self._program, self.engine)
        return read_release(files, context, filling=filling, patch_helm_v2=self.patch_helm_v2, budget=budget)

    def with_charts(
        self,
        release: Release,
        cluster: "Cluster | None" = None,
        budget: Budget | None = None,
        past_of: Callable[[str], Past | None] = lambda _: None,
    ) -> Release:
        """The release with its charts' objects, too; ``cluster`` is what a chart may ask about it.

        ``budget`` is what ``read`` has left of it. ``past_of`` says by a chart's key what it was before, None for
        one that is installed now. Not for use on an event loop's thread.

        Raises ManifestError, HelmError and HelmMissingError.
        """
        if not release.charts:
            return release
        from kotsapp.release import helm

        requests = tuple(
            replace(self._with_license(request, release.application), past=past_of(request.key))
            for request in release.charts
        )
        outputs = helm.render_all(requests, self._program(), self.namespace, cluster)
        return with_charts(replace(release, charts=requests), outputs, budget)

    def with_unhandled(self, release: Release) -> Release:
        """The release with what looks like an image and is none that is looked for. What calls have answered is what
        pods can pull already. Not for use on an event loop's thread."""
        if not release.objects:
            return release
        found = find_unhandled(release.objects, release.reported_images)
        return replace(release, unhandled=tuple(one for one in found if one.image not in release.local_images))

    def _program(self) -> Path:
        # Running processes costs imports that a release without charts or such calls need not pay for.
        from kotsapp.release import helm_process

        return helm_process.find_program(self.helm)

    def inputs(self, files: Sequence[SourceFile]) -> str:
        """A digest of what a release is rendered from, but for the license and for what ``LocalImageName`` answers."""
        parts = self._settings()
        for file in files:
            for part in (file.origin.encode(), file.name.encode(), file.data):
                parts.update(len(part).to_bytes(8, "big") + part)
            if file.chart is not None:
                parts.update(file.chart.digest.encode())
        return parts.hexdigest()

    def inputs_of(self, content: str) -> str:
        """The same of what the files hold (``Release.content``), however they are packed and wherever they stand."""
        parts = self._settings()
        parts.update(content.encode())
        return parts.hexdigest()

    def _settings(self) -> "hashlib._Hash":
        options = (self.namespace, self.pull_secret, self.proxy_domain, self.registry_domain, self.patch_helm_v2)
        parts = hashlib.sha256(repr(options).encode())
        parts.update(
            repr(
                [sorted(one.items()) for one in (self.answers.values, self.answers.filenames, self.answers.rows)]
            ).encode()
        )
        if self.version != _UNKNOWN_VERSION:  # nothing is rendered anew for a release without one
            parts.update(repr(self.version).encode())
        return parts

    def license_facts(self, release: Release) -> dict[str, str]:
        """Digests of the facts of the license that the release used, by their names: of another one it would be
        another release."""
        if self.license is None or not (release.has_calls or release.holds_license):
            return {}
        facts = {**license_fields(self.license), "proxyDomain": self.license.proxy_domain or ""}
        if release.holds_license:
            facts["document"] = self.license.document
        return {name: hashlib.sha256(f"{name}\0{value}".encode()).hexdigest()[:16] for name, value in facts.items()}

    def _with_license(self, request: ChartRequest, application: Application) -> ChartRequest:
        if self.license is None:
            return request
        return sdk.with_license(request, self.license, self._docker_config(self.license, application), self.instance)

    def _docker_config(self, license: "License", application: Application) -> str:
        return base64.b64encode(dockerconfigjson(license.license_id, self.domains(application))).decode()

    def _context(
        self, license: "License", local_images: Mapping[str, str], application: Application
    ) -> TemplateContext:
        domains = self.domains(application)
        return TemplateContext(
            license_fields=license_fields(license),
            docker_config=self._docker_config(license, application),
            pull_secret=self.pull_secret,
            namespace=self.namespace,
            domains=domains,
            local_images=local_images,
            version=replace(self.version, channel_name=self.version.channel_name or license.channel_name),
            cluster=self.cluster,
        )

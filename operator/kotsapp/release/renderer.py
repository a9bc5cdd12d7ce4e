"""A release rendered: files read, template calls filled in, charts run by helm. One for whoever needs it: the operator,
``kotsapp render`` and ``kotsapp probe``."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from kotsapp.images.routing import Domains
from kotsapp.license import License
from kotsapp.license.domains import resolve_domains
from kotsapp.manifests.budget import Budget
from kotsapp.pullsecret import dockerconfigjson
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release, with_charts
from kotsapp.release.templates import TemplateContext, license_fields

if TYPE_CHECKING:
    from kotsapp.release.helm import Cluster


@dataclass(frozen=True, slots=True)
class Renderer:
    """What rendering a release takes beside its files.

    ``namespace`` is where the app goes, ``helm`` the program (None for the one on PATH).
    The domains are a person's own wishes, before the release's and the license's. Without a license
    every template call is refused.
    """

    license: License | None = field(repr=False)
    pull_secret: str
    namespace: str
    proxy_domain: str | None = None
    registry_domain: str | None = None
    patch_helm_v2: bool = False
    helm: str | None = None

    def domains(self, application: Application) -> Domains:
        """Which hosts the license opens, with what the release's Application says."""
        return resolve_domains(
            spec_proxy=self.proxy_domain,
            spec_registry=self.registry_domain,
            application_proxy=application.proxy_domain,
            application_registry=application.registry_domain,
            license_proxy=self.license.proxy_domain if self.license else None,
        )

    def read(
        self,
        files: Sequence[SourceFile],
        local_images: Mapping[str, str] | None = None,
        budget: Budget | None = None,
    ) -> Release:
        """The release without its charts' objects; ``local_images`` are what ``LocalImageName`` answers.

        ``budget`` is what all of it may take, the command line's by default. Raises ManifestError.
        """
        context = partial(self._context, self.license, local_images or {}) if self.license else None
        return read_release(files, context, patch_helm_v2=self.patch_helm_v2, budget=budget)

    async def with_charts(
        self, release: Release, cluster: "Cluster | None" = None, budget: Budget | None = None
    ) -> Release:
        """The release with its charts' objects, too; ``cluster`` is what a chart may ask about it.

        ``budget`` is what ``read`` has left of it.

        Raises ManifestError, HelmError and HelmMissingError.
        """
        if not release.charts:
            return release
        # Running processes costs imports that a release without charts, nearly every one, need not pay for.
        from kotsapp.release import helm

        program = helm.find_program(self.helm)
        return with_charts(release, await helm.render_all(release.charts, program, self.namespace, cluster), budget)

    def inputs(self, files: Sequence[SourceFile]) -> str:
        """A digest of what a release is rendered from, but for the license and for what ``LocalImageName`` answers."""
        options = (self.namespace, self.pull_secret, self.proxy_domain, self.registry_domain, self.patch_helm_v2)
        parts = hashlib.sha256(repr(options).encode())
        for file in files:
            for part in (file.origin.encode(), file.name.encode(), file.data):
                parts.update(len(part).to_bytes(8, "big") + part)
        return parts.hexdigest()

    def license_facts(self, release: Release) -> dict[str, str]:
        """Digests of the facts of the license that the release used, by their names: of another one it would be
        another release."""
        if self.license is None or not release.has_calls:
            return {}
        facts = {**license_fields(self.license), "proxyDomain": self.license.proxy_domain or ""}
        return {name: hashlib.sha256(f"{name}\0{value}".encode()).hexdigest()[:16] for name, value in facts.items()}

    def _context(self, license: License, local_images: Mapping[str, str], application: Application) -> TemplateContext:
        domains = self.domains(application)
        return TemplateContext(
            license_fields=license_fields(license),
            docker_config=base64.b64encode(dockerconfigjson(license.license_id, domains)).decode(),
            pull_secret=self.pull_secret,
            namespace=self.namespace,
            domains=domains,
            local_images=local_images,
        )

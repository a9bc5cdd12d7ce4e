"""A release read from files, with its charts rendered by helm."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.images.routing import Domains
from kotsapp.license import License
from kotsapp.license.domains import resolve_domains
from kotsapp.manifests.errors import ManifestError
from kotsapp.pullsecret import dockerconfigjson
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release, with_charts
from kotsapp.release.templates import TemplateContext, license_fields

# kubectl's own, where it is told of none.
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading a release takes beside its files. ``namespace`` is where the app goes, ``helm`` the program.

    Without a license every template call is refused.
    """

    license: License | None = field(repr=False)
    pull_secret: str
    namespace: str = DEFAULT_NAMESPACE
    proxy_domain: str | None = None
    registry_domain: str | None = None
    patch_helm_v2: bool = False
    helm: str | None = None

    def domains(self, application: Application) -> Domains:
        return resolve_domains(
            spec_proxy=self.proxy_domain,
            spec_registry=self.registry_domain,
            application_proxy=application.proxy_domain,
            application_registry=application.registry_domain,
            license_proxy=self.license.proxy_domain if self.license else None,
        )

    def read(self, files: Sequence[SourceFile], local_images: Mapping[str, str] | None = None) -> Release:
        """The objects of files and charts; ``local_images`` as in TemplateContext. Raises CommandError."""
        context = partial(self._context, self.license, local_images or {}) if self.license else None
        try:
            release = read_release(files, context, patch_helm_v2=self.patch_helm_v2)
            return self._with_charts(release) if release.charts else release
        except ManifestError as error:
            raise CommandError(str(error), EXIT_PROBLEM) from None

    def _context(self, license_: License, local_images: Mapping[str, str], application: Application) -> TemplateContext:
        domains = self.domains(application)
        return TemplateContext(
            license_fields=license_fields(license_),
            docker_config=base64.b64encode(dockerconfigjson(license_.license_id, domains)).decode(),
            pull_secret=self.pull_secret,
            namespace=self.namespace,
            domains=domains,
            local_images=local_images,
        )

    def _with_charts(self, release: Release) -> Release:
        # Running processes costs imports that a release without charts, nearly every one, need not pay for.
        import asyncio

        from kotsapp.release import helm

        try:
            program = helm.find_program(self.helm)
            return with_charts(release, asyncio.run(helm.render_all(release.charts, program, self.namespace)))
        except (helm.HelmMissingError, helm.HelmError) as error:
            raise CommandError(str(error), EXIT_PROBLEM) from None

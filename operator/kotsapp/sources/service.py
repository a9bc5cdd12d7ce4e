"""A vendor's release service as a license opens it: where it is, what every question carries, what its refusals mean.

The endpoint is the signed one of the license, and never a field of the resource: whoever writes a KotsApp must not be
able to send the license elsewhere (DESIGN 6.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from kotsapp.license import License
from kotsapp.registry.client import Answer
from kotsapp.registry.credential import Credential
from kotsapp.registry.host_state import retry_after
from kotsapp.sources.errors import (
    SourceContentError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from kotsapp.sources.limits import ASK_SECONDS, MAX_DOCUMENT, MIB
from kotsapp.sources.web import Question, Web


@dataclass(frozen=True, slots=True)
class Service:
    """``channel_id`` is the license's channel, empty for one that names none; ``by_version`` says that its releases are
    in the order of their semantic versions."""

    endpoint: str
    app_slug: str
    channel_id: str
    channel_name: str
    license_sequence: int
    credential: Credential = field(repr=False)
    by_version: bool = False

    @classmethod
    def of(cls, license: License) -> "Service":
        """Raises SourceRefusedError for a license whose endpoint must not be asked."""
        endpoint = license.settings.get("endpoint", "").rstrip("/")
        if not license.verified:
            raise SourceRefusedError(
                "the license is used without a signature that can be trusted, so it is not known where the vendor's"
                " releases are; use the license as the vendor issued it"
            )
        if any(mark in endpoint for mark in "?#"):
            raise SourceRefusedError("the license's endpoint is not a plain URL; ask the vendor for a new license")
        return cls(
            endpoint=endpoint,
            app_slug=license.app_slug,
            channel_id=license.settings.get("channelID", ""),
            channel_name=license.channel_name,
            license_sequence=license.license_sequence,
            credential=Credential(license.license_id, license.license_id, frozenset()),
            by_version=license.settings.get("isSemverRequired") == "true",
        )

    @property
    def host(self) -> str:
        """How messages name it."""
        return self.endpoint.partition("://")[2].partition("/")[0] or self.endpoint

    def question(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_DOCUMENT,
        seconds: float = ASK_SECONDS,
    ) -> Question:
        """A GET of ``path`` (``{}`` stands for the app's slug) with what every question carries."""
        every = {"licenseSequence": str(self.license_sequence), "selectedChannelId": self.channel_id}
        url = f"{self.endpoint}/{path.format(self.app_slug)}?{urlencode({**query, **every})}"
        return Question(
            url, self.credential, headers or {}, limit, seconds, kind=path.replace("/{}/", "_").removesuffix("/{}")
        )

    async def ask(self, question: Question, web: Web, what: str) -> Answer:
        """The 200 and its whole body. Raises SourceError; ``what`` was asked for, such as "the release"."""
        answer = await web.get(question)
        if answer.status != 200:
            raise self._refusal(answer, what)
        if not answer.complete:
            most = f"{question.limit // MIB} MiB"
            raise SourceContentError(f"{self.host} sent more than {most} for {what}, which is not read; ask the vendor")
        return answer

    def _refusal(self, answer: Answer, what: str) -> SourceError:
        status, wish = answer.status, retry_after(answer.headers.get("Retry-After"))
        what_came = f"{self.host} answered {status} for {what}"
        if status == 401:
            return SourceRefusedError(
                f"{what_came}: it does not know the license; ask the vendor whether it still holds"
            )
        if status == 403:
            return SourceRefusedError(
                f"{what_came}: the license may not have it, since it is over, or archived; ask the vendor"
            )
        if status == 404:
            channel = f" in channel {self.channel_name}" if self.channel_name else ""
            return SourceRefusedError(
                f"{what_came}: application {self.app_slug} does not have it{channel}; check the version, or ask the"
                " vendor"
            )
        if status == 429:
            return SourceUnreachableError(f"{what_came}: too many requests; asked again later", wish)
        if status >= 500:
            return SourceUnreachableError(f"{what_came}: it has trouble; asked again later", wish)
        return SourceRefusedError(f"{what_came}, an answer that is not understood; ask the vendor")

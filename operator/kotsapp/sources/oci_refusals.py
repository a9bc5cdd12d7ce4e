"""What a registry's refusal means for whoever must act, by the credential that it was asked with. Pure."""

from collections.abc import Sequence

from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import Evidence, Login, Stage
from kotsapp.sources.errors import SourceError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.oci_ref import OciRef
from kotsapp.text import listed

_MAX_TAGS = 5


def of_status(
    status: int, code: str | None, retry_after: float | None, what: str, credential: Credential | None
) -> SourceError:
    """The error for an answer that is no 200; ``what`` was asked for."""
    answered = f"{what}: the registry answered {status}{f' {code}' if code else ''}"
    if status == 429:
        return SourceUnreachableError(f"{answered}: too many requests; asked again later", retry_after)
    if status >= 500:
        return SourceUnreachableError(f"{answered}: it has trouble; asked again later", retry_after)
    if status in (401, 403):
        return SourceRefusedError(f"{answered}: {_whom(credential)}")
    if status == 404:
        return SourceRefusedError(f"{answered}: not there, or not for {_who(credential)}; check url and version")
    return SourceRefusedError(f"{answered}, an answer that is not understood")


def of_login(evidence: Evidence, item: OciRef, credential: Credential | None) -> SourceError:
    """The error for a 401 that stands, or for a token service that gave no token."""
    asked = item.place if evidence.stage is Stage.MANIFEST else f"{item.place}: the token service {evidence.host}"
    if evidence.status == 429 or evidence.status >= 500:
        return of_status(evidence.status, evidence.code, evidence.retry_after, asked, credential)
    answered = f"{asked} answered {evidence.status}{f' {evidence.code}' if evidence.code else ''}"
    if evidence.login in (Login.WITHHELD, Login.REFUSED, Login.UNUSABLE) and evidence.note:
        return SourceRefusedError(f"{answered}, and {evidence.note}")
    return SourceRefusedError(f"{answered}: {_whom(credential)}")


def tags_listed(tags: Sequence[str]) -> str:
    """Some of the tags that there are: the last ones of the list are likely the newest."""
    return f"its tags: {listed(list(reversed(tags)), _MAX_TAGS)}" if tags else "it has no tags"


def _who(credential: Credential | None) -> str:
    if credential is None:
        return "whoever has no login (name a Secret with one in secretRef)"
    return "this login" if credential.any_realm else "this license"


def _whom(credential: Credential | None) -> str:
    if credential is None:
        return "it wants a login; name a Secret of type kubernetes.io/dockerconfigjson in secretRef"
    if credential.any_realm:
        return "it refuses the login of the Secret in secretRef; renew it"
    return "it refuses the license; ask the vendor whether the license still holds, and may have this"

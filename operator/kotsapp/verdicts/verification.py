"""What the proxy said when it was asked with the license. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from kotsapp.registry.evidence import REFUSAL_CODES, Evidence, Login, NoAnswer, Stage
from kotsapp.verdicts.inquiry import Inquiry

# The distribution spec's codes. A proxy's own text is not repeated: it has just seen the license id.
_CODES = frozenset({"UNAUTHORIZED", "DENIED", "NAME_UNKNOWN", "NAME_INVALID", "MANIFEST_UNKNOWN", "TOOMANYREQUESTS"})


class Verified(StrEnum):
    """Whether the license can pull an image."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Verification(Inquiry):
    """The check of one pull reference with the license."""

    verified: Verified
    message: str


def judge(evidence: Evidence) -> Verification:
    """What an answer to a request with the license means."""
    host, status = evidence.host, evidence.status
    code = evidence.code if evidence.code in _CODES else None
    verified, message = Verified.UNKNOWN, f"{host} answered {status} to the license"
    if evidence.login in {Login.WITHHELD, Login.UNUSABLE, Login.REFUSED}:
        message = f"{host} was not asked with the license: {evidence.note}"
    elif evidence.stage is Stage.TOKEN and status in {401, 403}:
        verified, message = Verified.FALSE, f"{host} refused a token with the license"
    elif status == 401 and evidence.login is Login.NONE:
        message = f"{host} answered 401 without a login that the license could be used for"
    elif status == 401 or (status == 403 and code in REFUSAL_CODES):
        verified, message = Verified.FALSE, f"{host} refused a pull with the license"
    elif evidence.stage is Stage.TOKEN:
        message = f"{host} answered {status} when asked for a token with the license"
    elif status == 200 and evidence.is_manifest:
        verified, message = Verified.TRUE, f"{host} serves it to the license"
    elif status == 200:
        message = f"{host} answered 200 with something that is not a manifest"
    elif status == 404:
        verified, message = Verified.FALSE, f"{host} does not have it for this license"
    return Verification(verified, message, http_status=status, code=code, host=host)


def judge_trouble(trouble: NoAnswer) -> Verification:
    """What it means that there was no answer."""
    return Verification(Verified.UNKNOWN, str(trouble), host=trouble.host)


def shown_before(result: Verification) -> Verification:
    """A check without a result, where the same credential was shown to pull the same reference before: an outage
    takes no proof back."""
    return replace(result, verified=Verified.TRUE, message=f"it was shown before; now {result.message}")

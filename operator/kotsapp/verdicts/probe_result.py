"""What a probe came to: the table that makes a verdict from what a registry answered. Pure."""

from dataclasses import dataclass

from kotsapp.registry.evidence import REFUSAL_CODES, Evidence, Login, NoAnswer, Stage, Trouble
from kotsapp.verdicts.inquiry import Inquiry
from kotsapp.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ProbeResult(Inquiry):
    """What an anonymous probe of one image came to."""

    image: str
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason in one sentence."""

    verdict: Verdict
    message: str


def decide(evidence: Evidence) -> Decision:
    """The verdict for an anonymous pull, from the answer that decides it."""
    host, status = _who(evidence), evidence.status
    if status == 429:
        return Decision(Verdict.RATE_LIMITED, f"{host} limits the rate of requests")
    if status >= 500:
        return Decision(Verdict.UNREACHABLE, f"{host} answered with server error {status}")
    if evidence.stage is Stage.TOKEN:
        return _decide_token(evidence)
    if status == 200:
        if evidence.is_manifest:
            return Decision(Verdict.PUBLIC, f"{host} serves it to anyone")
        return Decision(Verdict.UNREACHABLE, f"{host} answered 200 with something that is not a manifest")
    if evidence.login is Login.REFUSED:
        return Decision(Verdict.UNREACHABLE, f"{host} can't be asked as anybody may: {evidence.note}")
    if status == 401 or (status == 403 and evidence.code in REFUSAL_CODES):
        return Decision(Verdict.PRIVATE, _refusal(evidence))
    if status == 404:
        return Decision(Verdict.NOT_FOUND, f"{host} has no such repository or tag, or hides it")
    return Decision(Verdict.ERROR, _odd(evidence))


def decide_trouble(trouble: NoAnswer) -> Decision:
    """The verdict when there was no answer to judge."""
    verdict = Verdict.PENDING if trouble.trouble is Trouble.QUEUED else Verdict.UNREACHABLE
    return Decision(verdict, str(trouble))


def _decide_token(evidence: Evidence) -> Decision:
    if evidence.status in {401, 403}:
        return Decision(Verdict.PRIVATE, f"{_who(evidence)} refused an anonymous token")
    return Decision(Verdict.ERROR, _odd(evidence))


def _refusal(evidence: Evidence) -> str:
    sentence = f"{evidence.host} refused an anonymous pull"
    if evidence.login is Login.BASIC:
        sentence += " and wants a password"
    return f"{sentence}; {evidence.note}" if evidence.note else sentence


def _odd(evidence: Evidence) -> str:
    what = "a token" if evidence.stage is Stage.TOKEN else "the manifest"
    code = f" {evidence.code}" if evidence.code else ""
    return f"{_who(evidence)} answered {evidence.status}{code} when asked for {what}"


def _who(evidence: Evidence) -> str:
    if evidence.registry in {"", evidence.host}:
        return evidence.host
    return f"{evidence.registry}'s token service {evidence.host}"

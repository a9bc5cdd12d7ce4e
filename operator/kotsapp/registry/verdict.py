"""Verdicts, and the table that makes one from what a registry answered. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from kotsapp.registry.limits import MAX_CODE


class Verdict(StrEnum):
    """What an anonymous probe found, or why none was made."""

    PUBLIC = "Public"
    PRIVATE = "Private"
    PROXIED = "Proxied"
    REPLICATED = "Replicated"
    EXCLUDED = "Excluded"
    NOT_FOUND = "NotFound"
    RATE_LIMITED = "RateLimited"
    UNREACHABLE = "Unreachable"
    ERROR = "Error"

    @property
    def decisive(self) -> bool:
        """True when the verdict by itself says where to pull from."""
        return not self.undecided

    @property
    def undecided(self) -> bool:
        return self in _UNDECIDED


_UNDECIDED = frozenset({Verdict.NOT_FOUND, Verdict.RATE_LIMITED, Verdict.UNREACHABLE, Verdict.ERROR})


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The evidence for one image.

    ``host`` is the one whose answer decided; ``http_status`` and ``code`` (the registry's own error code) are None
    when there was no answer or no code; ``requests`` counts every HTTP request made; ``elapsed`` and ``retry_after``
    are seconds; ``cached`` says that nothing was asked just now.
    """

    image: str
    verdict: Verdict
    message: str
    http_status: int | None = None
    code: str | None = None
    host: str = ""
    requests: int = 0
    elapsed: float = 0.0
    retry_after: float | None = None
    cached: bool = False


class Stage(StrEnum):
    """Which question an answer belongs to."""

    MANIFEST = "manifest"
    TOKEN = "token"  # noqa: S105 - the name of a step


class Login(StrEnum):
    """What a 401 asked for: ``UNUSABLE`` is what nobody could do, ``REFUSED`` what our own guard keeps us from."""

    NONE = "none"
    BASIC = "Basic"
    BEARER = "Bearer"
    UNUSABLE = "unusable"
    REFUSED = "refused"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The answer that decides: its stage, the host that gave it, HTTP status, registry error code.

    ``login`` is what a 401 asked for; ``is_manifest`` is whether a 200 really was one; ``note`` says what else is
    known, in words of our own; ``retry_after`` is the server's wish in seconds; ``registry`` is whose token service
    ``host`` is, at the token stage.
    """

    stage: Stage
    host: str
    status: int
    code: str | None = None
    login: Login = Login.NONE
    is_manifest: bool = False
    note: str = ""
    retry_after: float | None = None
    registry: str = ""


class Trouble(StrEnum):
    """Why there was no answer to judge."""

    DNS = "DNS"
    CONNECT = "connect"
    TLS = "TLS"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    MALFORMED = "malformed"
    REFUSED = "refused"

    @property
    def whole_host(self) -> bool:
        """True when every other image of the host would fail the same way."""
        return self in {Trouble.DNS, Trouble.CONNECT, Trouble.TLS}


class NoAnswer(Exception):  # noqa: N818 - a finding, not a fault of ours
    """No usable answer from ``host``; the message is a clause: "quay.io <message>"."""

    def __init__(self, trouble: Trouble, host: str, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.host = host
        self.message = message

    def __str__(self) -> str:
        return f"{self.host} {self.message}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason in one sentence."""

    verdict: Verdict
    message: str


# With a 403, what tells a registry's refusal from a firewall's.
REFUSAL_CODES = frozenset({"UNAUTHORIZED", "DENIED"})


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
        return Decision(Verdict.UNREACHABLE, f"{host} answered 200 with something that is no manifest")
    if evidence.login is Login.REFUSED:
        return Decision(Verdict.UNREACHABLE, f"{host} can't be asked as anybody may: {evidence.note}")
    if status == 401 or (status == 403 and evidence.code in REFUSAL_CODES):
        return Decision(Verdict.PRIVATE, _refusal(evidence))
    if status == 404:
        return Decision(Verdict.NOT_FOUND, f"{host} has no such repository or tag, or hides it")
    return Decision(Verdict.ERROR, _odd(evidence))


def decide_trouble(trouble: NoAnswer) -> Decision:
    """The verdict when there was no answer to judge."""
    return Decision(Verdict.UNREACHABLE, str(trouble))


def error_code(value: object) -> str | None:
    """A registry's error code if it has the shape of one (distribution spec: upper case and underscores)."""
    if isinstance(value, str) and 0 < len(value) <= MAX_CODE and value.replace("_", "A").isalnum():
        return value if value.isascii() and value == value.upper() and value[0].isalpha() else None
    return None


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

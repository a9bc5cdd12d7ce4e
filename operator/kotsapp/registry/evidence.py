"""What came back when a registry was asked: the answer that decides, or why there was none. Values only."""

from dataclasses import dataclass
from enum import StrEnum

from kotsapp.registry.limits import MAX_CODE

# With a 403, what distinguishes a registry's refusal from a firewall's.
REFUSAL_CODES = frozenset({"UNAUTHORIZED", "DENIED"})


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
    """Why there was no answer to judge. ``QUEUED`` is no fault of the registry's: the time was over for want of a slot
    here."""

    DNS = "DNS"
    CONNECT = "connect"
    TLS = "TLS"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    MALFORMED = "malformed"
    REFUSED = "refused"
    QUEUED = "queued"

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


def error_code(value: object) -> str | None:
    """A registry's error code if it has the shape of one (distribution spec: upper case and underscores)."""
    if isinstance(value, str) and 0 < len(value) <= MAX_CODE and value.replace("_", "A").isalnum():
        return value if value.isascii() and value == value.upper() and value[0].isalpha() else None
    return None

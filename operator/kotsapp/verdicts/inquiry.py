"""What there is to say of every question to a registry, whatever its answer means. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One image, or one pull reference, was asked for.

    ``host`` is the one whose answer decided; ``http_status`` and ``code`` (the registry's own error code) are None
    when there was no answer or no code; ``requests`` counts every HTTP request made; ``elapsed`` and ``retry_after``
    are seconds; ``cached`` says that nothing was asked just now.
    """

    http_status: int | None = None
    code: str | None = None
    host: str = ""
    requests: int = 0
    elapsed: float = 0.0
    retry_after: float | None = None
    cached: bool = False

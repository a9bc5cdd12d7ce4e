"""Verdicts, and the route that each of them stands for. Pure."""

from enum import StrEnum

from kotsapp.images.routing import Route


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
    PENDING = "Pending"

    @property
    def decisive(self) -> bool:
        """True when the verdict by itself says where to pull from."""
        return not self.undecided

    @property
    def undecided(self) -> bool:
        return self in _UNDECIDED


_UNDECIDED = frozenset({Verdict.NOT_FOUND, Verdict.RATE_LIMITED, Verdict.UNREACHABLE, Verdict.ERROR, Verdict.PENDING})

_ROUTES = {
    Verdict.PUBLIC: Route.DIRECT,
    Verdict.PRIVATE: Route.PROXY,
    Verdict.PROXIED: Route.PROXY,
    Verdict.REPLICATED: Route.REGISTRY,
    Verdict.EXCLUDED: Route.DIRECT,
}


def route_of(verdict: Verdict) -> Route | None:
    """The route that a decisive verdict stands for, None for the others."""
    return _ROUTES.get(verdict)

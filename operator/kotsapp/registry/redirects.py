"""Where a redirect leads, as far as it is followed: blobs are often in stores elsewhere."""

from kotsapp.registry.client import Answer
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import NoAnswer, Trouble
from kotsapp.registry.exchange import Exchange
from kotsapp.registry.guard import Destination, Guard, Refused
from kotsapp.registry.limits import MAX_REDIRECTS

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def next_destination(
    guard: Guard, answer: Answer, at: Destination, exchange: Exchange, credential: Credential | None
) -> Destination:
    """Where an exchange goes on. Raises NoAnswer after too many, and for one that is not asked."""
    exchange.redirects += 1
    if exchange.redirects > MAX_REDIRECTS:
        raise NoAnswer(Trouble.REDIRECT, at.name, f"redirected more than {MAX_REDIRECTS} times")
    return destination_of(guard, answer, at, credential)


def destination_of(guard: Guard, answer: Answer, at: Destination, credential: Credential | None) -> Destination:
    """Where a redirect from ``at`` leads. Raises NoAnswer for one that is not asked, and for one whose URL shows the
    credential to a host that must not see it."""
    location = answer.headers.get("Location", "")
    if not location:
        raise NoAnswer(Trouble.REDIRECT, at.name, f"answered {answer.status} without saying where to go")
    try:
        to, why = guard.redirect(location, at), ""
    except Refused as refused:
        to, why = None, str(refused)
    if credential is not None and (to is None or to.name not in credential.hosts) and credential.is_in(location):
        to, why = None, f"its URL holds the {credential.secret}"
    if to is None:
        raise NoAnswer(Trouble.REDIRECT, at.name, f"redirected to where we don't go: {why}")
    return to

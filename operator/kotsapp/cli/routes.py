"""Where the images of a rendered release are pulled from: assumed, known from earlier, or probed now."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.files import read_file
from kotsapp.images.reference import Reference
from kotsapp.images.rewrite import Pull
from kotsapp.images.routing import Domains, Route, pull_reference
from kotsapp.images.usage import InvalidImagesError, Users, parse_used
from kotsapp.license import License
from kotsapp.pullsecret import USER_NAME
from kotsapp.text import listed
from kotsapp.verdicts.exemptions import classify
from kotsapp.verdicts.verdict import Verdict, route_of

if TYPE_CHECKING:
    from kotsapp.cli.verdicts_file import Found

_MAX_NAMED = 5


class Rules(NamedTuple):
    """What the person says about images. ``assume`` and ``verdicts`` stand in for probing; with neither, registries
    are asked, as ``registries`` (a file) maps them. ``timeout`` is in seconds, for one image."""

    domains: Domains
    public_images: bool = False
    exclude: tuple[str, ...] = ()
    assume: Verdict | None = None
    verdicts: str | None = None
    registries: str | None = None
    timeout: float = 10.0


def decide(users: Users, rules: Rules, license: License) -> dict[str, Pull]:
    """How pods get each image, by the reference as written.

    Raises CommandError that names every image which is no reference, or whose route nothing decides.
    """
    try:
        references = parse_used(users)
    except InvalidImagesError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None
    routes: dict[str, Route] = {}
    unknown: list[Reference] = []
    known = _known(rules)
    for reference in references:
        verdict = classify(reference, rules.domains, rules.exclude, public_images=rules.public_images)
        route = _route(reference, verdict, known, rules.assume)
        if route is None:
            unknown.append(reference)
        else:
            routes[reference.written] = route
    if unknown and rules.verdicts is None:
        routes |= _probed(unknown, rules, license)
    elif unknown:
        unknown_ones = [f"{reference.written} ({users[reference.written][0]})" for reference in unknown]
        raise CommandError(
            f"{rules.verdicts} does not decide {listed(unknown_ones, _MAX_NAMED)}; add --assume for them", EXIT_PROBLEM
        )
    return {
        reference.written: Pull(
            pull_reference(reference, routes[reference.written], rules.domains, license.app_slug),
            routes[reference.written].needs_secret,
        )
        for reference in references
    }


def _known(rules: Rules) -> "Mapping[str, Found]":
    if rules.verdicts is None:
        return {}
    from kotsapp.cli.verdicts_file import MAX_BYTES, VerdictsError, read_verdicts

    try:
        return read_verdicts(read_file(Path(rules.verdicts), MAX_BYTES))
    except VerdictsError as error:
        raise CommandError(f"{rules.verdicts} {error}") from None


def _route(
    reference: Reference, verdict: Verdict | None, known: "Mapping[str, Found]", assume: Verdict | None
) -> Route | None:
    if verdict is not None:
        return route_of(verdict)
    found = known.get(reference.written)
    if found is not None and found.route is not None:
        return found.route
    return route_of(assume) if assume is not None else None


def _probed(references: Sequence[Reference], rules: Rules, license: License) -> dict[str, Route]:
    # The clients take as long to import as rendering a large release, which most of the time needs none.
    import asyncio

    from kotsapp.registry.config import Registries, RegistriesError
    from kotsapp.registry.credential import Credential
    from kotsapp.verdicts.prober import Prober
    from kotsapp.verdicts.resolver import Policy, Routing, resolve_all

    try:
        registries = Registries.load(Path(rules.registries)) if rules.registries else Registries.empty()
    except RegistriesError as error:
        raise CommandError(str(error)) from None
    credential = Credential(USER_NAME, license.license_id, rules.domains.hosts)
    policy = Policy(rules.domains, license.app_slug, verify=False, timeout=rules.timeout)

    async def resolved() -> Routing:
        async with Prober(registries, ask_each=True) as prober:
            return await resolve_all(prober, references, policy, credential)

    routing = asyncio.run(resolved())
    undecided = [f"{one.image}: {one.message}" for one in routing.undecided]
    if undecided:
        ways = "try again, or say what it is with --assume or --verdicts"
        raise CommandError(f"nothing decides {listed(undecided, _MAX_NAMED, '; ')}; {ways}", EXIT_PROBLEM)
    return {one.image: one.route for one in routing.resolutions if one.route is not None}

"""What can't be known of a release before there is a license and answers to its Config, and what that touches."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from kotsapp.images.routing import Domains
from kotsapp.release import actions
from kotsapp.release.actions import FIRST, SECOND, Action, UnendedError
from kotsapp.release.config_document import Config
from kotsapp.release.context import TemplateContext

LICENSE_FUNCTION = "LicenseFieldValue"
CLUSTER_FUNCTIONS = frozenset(
    {"Distribution", "KubernetesMajorVersion", "KubernetesMinorVersion", "KubernetesVersion", "NodeCount"}
)
NAMESPACE = "default"
# A pull secret of no registry, in base64: {"auths":{}}
_NO_REGISTRY = "eyJhdXRocyI6e319"


def without_license(domains: Domains) -> TemplateContext:
    """What calls are filled in with where there is no license: its fields are empty."""
    return TemplateContext(
        license_fields={},
        docker_config=_NO_REGISTRY,
        pull_secret="app-registry",  # noqa: S106 - the name of an object
        namespace=NAMESPACE,
        domains=domains,
    )


@dataclass(frozen=True, slots=True)
class Unknowns:
    """``items`` are items of the Config that have no value here, or one that depends on the license."""

    items: frozenset[str] = field(default_factory=frozenset)

    def asked_for_in(self, text: str) -> list[str]:
        """What a text asks for that is not known: items, and fields of the license by ``the license's NAME``."""
        found = [*(f"the item {name}" for name in _items(text) if name in self.items), *license_fields_of(text)]
        return list(dict.fromkeys(found))


def unknowns_of(config: Config | None, missing: Collection[str]) -> Unknowns:
    """The items without a value, those that take theirs from the license, and those that ask for such items."""
    if config is None:
        return Unknowns()
    found = set(missing)
    texts = {item.name: f"{item.default}\n{item.value}" for item in config.items}
    found |= {name for name, text in texts.items() if any(license_fields_of(text))}
    asked = {name: set(_items(text)) for name, text in texts.items()}
    while more := {name for name, others in asked.items() if others & found} - found:
        found |= more
    return Unknowns(frozenset(found))


def license_fields_of(text: str) -> Iterator[str]:
    for action in found_in(text):
        for name in license_fields(action):
            yield f"the license's {name}"


def license_fields(action: Action) -> Iterator[str]:
    """The fields of the license that an action asks for, ``fields`` where it doesn't name one."""
    tokens = [token for token in action.tokens if token.kind != "space"]
    for index, token in enumerate(tokens):
        if token.kind == "name" and token.text == LICENSE_FUNCTION:
            behind = tokens[index + 1] if index + 1 < len(tokens) else None
            yield actions.literal(behind.text) if behind is not None and behind.kind == "text" else "fields"


def cluster_facts(action: Action) -> Iterator[str]:
    """The facts of the cluster that an action asks for, by the functions' names."""
    return (token.text for token in action.tokens if token.kind == "name" and token.text in CLUSTER_FUNCTIONS)


def found_in(text: str) -> list[Action]:
    """The actions of both forms, by their places; none of a form that can't be read, which filling in reports."""
    if not actions.has_calls(text):
        return []
    found: list[Action] = []
    for delimiter in (FIRST, SECOND):
        try:
            found += actions.find(text, delimiter)
        except UnendedError:
            continue
    return sorted(found, key=lambda action: action.start)


def _items(text: str) -> Iterable[str]:
    return (name for action in found_in(text) for name in actions.config_items(action))


def items_by_line(text: str, first: int) -> Iterator[tuple[str, int]]:
    """The items that a text asks for, each with the line of the call."""
    for action in found_in(text):
        for name in actions.config_items(action):
            yield name, max(first, 1) + action.line - 1


def described(unknown: Collection[str]) -> str:
    names = ", ".join(unknown)
    return f"{names} {'is' if len(unknown) == 1 else 'are'} not known here, and taken as empty"

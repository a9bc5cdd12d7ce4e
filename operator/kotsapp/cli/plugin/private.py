"""What is the customer's own, and no business of a vendor's: masked in everything that a report says.

Masked are hosts that no image and no proxy of the release names, addresses, nodes, values that were given for the
Config, and whatever looks like a license id or another credential. Too much is masked rather than too little.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kotsapp.images.reference import InvalidReferenceError, parse

HOST, ADDRESS, NODE, VALUE, SECRET = "[host]", "[address]", "[node]", "[value]", "[masked]"
# Shorter values are words of every message.
MIN_VALUE = 4

# Of vendors and of Kubernetes, whoever the customer is.
_PUBLIC = frozenset(
    "auth.docker.io docker.io index.docker.io registry-1.docker.io k8s.io kots.io kotsapp.dev kubernetes.io "  # noqa: SIM905
    "helm.sh replicated.app replicated.com troubleshoot.sh".split()
)
_WORDS = frozenset({"e.g", "i.e"})
_FIELDS = ("spec.", "status.", "metadata.", "data.", "stringdata.", ".")
_FILES = frozenset("crt gz html json key pem sh tar tgz tpl txt yaml yml".split())  # noqa: SIM905
_V4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\w)"
_V6 = r"\[?(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])\]?(?::\d{1,5})?"
_ADDRESS = re.compile(f"{_V4}|{_V6}", re.IGNORECASE)
_NAME = r"(?:[a-z0-9_](?:[-a-z0-9_]*[a-z0-9_])?)"
_CLOCK = re.compile(r"\d{1,2}:\d{2}:\d{2}|:+")
_HOST = re.compile(rf"(?<![\w./@-])((?:\*\.)?{_NAME}(?:\.{_NAME}){{1,127}})(:\d{{1,5}})?(?![\w-])", re.IGNORECASE)
_ON_PORT = re.compile(r"(?<![\w./:@-])([a-z][-a-z0-9_]*):(\d{2,5})(?![\w.-])", re.IGNORECASE)
_PERSON = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++")
_LOOKED_UP = re.compile(r"(?<=\blookup )[^\s:,;]+")
_IN_URL = re.compile(r"(?<=://)[^\s/\"'<>]+")
_OF_NODE = re.compile(r"(\bnodes? (?:named )?\"?)([a-z0-9][-a-z0-9.]*[0-9.][-a-z0-9.]*)", re.IGNORECASE)
_LONG = re.compile(r"(?<![\w/+=])[A-Za-z0-9+/_=-]{24,}(?![\w/+=])")
_VERSION = re.compile(r"v?\d++(?:\.\d++)*+(?:[-+][\w.]++)?|v?\d++\.[\w.]++", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Private:
    """What is known of this customer. ``hosts`` may be shown; ``nodes`` and ``values`` may not."""

    hosts: frozenset[str] = frozenset()
    nodes: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def name(self, text: str) -> str:
        """A name or an image, as the release has it: without values, nodes and credentials in it."""
        for value in self.values:
            text = re.sub(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", VALUE, text)
        for node in self.nodes:
            text = re.sub(rf"(?<![\w.-]){re.escape(node)}(?![\w-])", NODE, text)
        return _LONG.sub(lambda found: SECRET if _looks_secret(found[0]) else found[0], text)

    def message(self, text: str) -> str:
        """A message, without hosts and addresses, too."""
        text = self.name(text)
        text = _OF_NODE.sub(lambda found: f"{found[1]}{NODE}", text)
        text = _IN_URL.sub(self._authority, text)
        text = _PERSON.sub(ADDRESS, text)
        text = _LOOKED_UP.sub(lambda found: found[0] if self._may_be_shown(found[0]) else HOST, text)
        text = _ADDRESS.sub(lambda found: found[0] if _CLOCK.fullmatch(found[0]) else ADDRESS, text)
        text = _HOST.sub(self._host, text)
        return _ON_PORT.sub(lambda found: found[0] if found[0].lower() in self.hosts else HOST, text)

    def _authority(self, found: re.Match[str]) -> str:
        host = found[0].rpartition("@")[2]
        return host if self._may_be_shown(host) else HOST

    def _host(self, found: re.Match[str]) -> str:
        name = found[1].lower().removeprefix("*.")
        is_other = (
            name in _WORDS or name.startswith(_FIELDS) or name.rpartition(".")[2] in _FILES or _VERSION.fullmatch(name)
        )
        return found[0] if is_other or self._may_be_shown(found[0].removeprefix("*.")) else HOST

    def _may_be_shown(self, host: str) -> bool:
        name = host.lower()
        bare = name.partition(":")[0]
        return bool({name, bare} & self.hosts) or any(bare == one or bare.endswith(f".{one}") for one in _PUBLIC)


def of_app(app: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> Private:
    """What an app and its pods reveal of the customer's own."""
    spec, status = app.get("spec") or {}, app.get("status") or {}
    proxy = spec.get("proxy") or {}
    named = {str(value).lower() for value in (proxy.get("domain"), proxy.get("registryDomain")) if value}
    references = [str(one.get(key)) for one in status.get("images") or () for key in ("image", "pull") if one.get(key)]
    groups = {str(one.get("apiVersion")).partition("/")[0].lower() for one in status.get("inventory") or ()}
    names = {str(one.get("name")).lower() for one in status.get("inventory") or ()}
    values = {text for text in _texts((spec.get("config") or {}).get("values")) if len(text) >= MIN_VALUE}
    shown = frozenset({*named, *groups, *names, *(host for one in references for host in _hosts(one))})
    return Private(shown, tuple(_longest(set(_nodes(pods)))), tuple(_longest(values)))


def _hosts(reference: str) -> Iterator[str]:
    try:
        parsed = parse(reference)
    except InvalidReferenceError:
        return
    # An image that is routed has the host that it is from in its path; a tag after a dot is none.
    for part in (parsed.domain or "", *reference.split("/")[:-1]):
        if "." in part or ":" in part:
            yield part.lower()
            yield part.lower().partition(":")[0]
    yield reference.rpartition("/")[2].lower()


def _nodes(pods: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for pod in pods:
        status = pod.get("status") or {}
        name = str((pod.get("spec") or {}).get("nodeName") or "")
        yield from (text for text in (name, str(status.get("hostIP") or "")) if text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value).strip()


def _longest(texts: Iterable[str]) -> list[str]:
    """Longer ones first: one may be a part of another."""
    return sorted(texts, key=lambda text: (-len(text), text))


def _looks_secret(text: str) -> bool:
    """Letters of both cases and digits without a break, as ids and keys are; digests and names are not."""
    run = max(re.split(r"[-_/=+]", text), key=len)
    kinds = (any(map(str.islower, run)), any(map(str.isupper, run)), any(map(str.isdigit, run)))
    return len(run) >= 20 and all(kinds)

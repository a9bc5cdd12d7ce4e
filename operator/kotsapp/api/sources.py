"""``spec.manifests``: where a release comes from, and how its charts are installed, as frozen values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kotsapp.api.refs import MAX_ITEMS, KeyRef, SourceKind, SpecError, items, key_ref, object_name, one_ref
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.regexes import regex
from kotsapp.sources import oci_ref
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.sources.oci_ref import InvalidOciRefError, OciRef

MAX_VERSION_LABEL = 256
# Helm's own bound: names that a chart makes of it have 63 characters.
MAX_RELEASE_NAME = 53
# Of one chart, and of all together: each may be 1 MiB, and is read in each reconciliation.
MAX_VALUES_FROM, MAX_ALL_VALUES_FROM = 16, 64
# Helm's own name for a chart's values.
VALUES_KEY = "values.yaml"

_FIELDS = ("configMapRef", "secretRef", "inline", "channelRelease", "ociRef")
_OCI_TEXTS = ("tag", "version", "digest")
_RELEASE_NAME = regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*+")
_DIGEST = regex(r"sha256:[0-9a-f]{64}")
_NAMESPACE = regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Inline:
    """Manifests written in the resource itself; ``index`` is the item's place in spec.manifests."""

    index: int
    text: str

    def __str__(self) -> str:
        return f"spec.manifests[{self.index}].inline"


@dataclass(frozen=True, slots=True)
class Chart:
    """How an item's chart is installed; ``where`` is the field. ``release_name`` empty is the chart's own name,
    ``namespace`` empty the app's. ``values`` count over those of ``values_from``, of which later ones win."""

    where: str
    release_name: str = ""
    namespace: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    values_from: tuple[KeyRef, ...] = ()


Source = KeyRef | Inline | RemoteItem


@dataclass(frozen=True, slots=True)
class Item:
    """One of ``spec.manifests``; ``chart`` is None where nothing is said of it."""

    source: Source
    chart: Chart | None = None

    @property
    def references(self) -> Iterator[tuple[SourceKind, str]]:
        """Every Secret and ConfigMap that it names."""
        if isinstance(self.source, KeyRef):
            yield self.source.kind, self.source.name
        if isinstance(self.source, OciRef) and self.source.secret is not None:
            yield SourceKind.SECRET, self.source.secret
        if self.chart is not None:
            yield from ((ref.kind, ref.name) for ref in self.chart.values_from)


def read_manifests(value: Any) -> tuple[Item, ...]:
    """Raises SpecError."""
    if not isinstance(value, list) or not value:
        raise SpecError("spec.manifests: at least one source of manifests must be set")
    if len(value) > MAX_ITEMS:
        raise SpecError(f"spec.manifests: at most {MAX_ITEMS} items are possible, found {len(value)}")
    found = tuple(_item(item, index) for index, item in enumerate(value))
    if sum(isinstance(item.source, ChannelRelease) for item in found) > 1:
        raise SpecError("spec.manifests: at most one channelRelease is possible: a license has one channel")
    if sum(len(item.chart.values_from) for item in found if item.chart is not None) > MAX_ALL_VALUES_FROM:
        raise SpecError(f"spec.manifests: at most {MAX_ALL_VALUES_FROM} items of chart.valuesFrom are possible in all")
    _refuse_twice(found)
    return found


def _refuse_twice(found: tuple[Item, ...]) -> None:
    """What is fetched is kept by its name, and so is what became of it."""
    names: dict[str, int] = {}
    for index, item in enumerate(found):
        if isinstance(item.source, OciRef) and names.setdefault(item.source.name, index) != index:
            first = f"spec.manifests[{names[item.source.name]}]"
            raise SpecError(
                f"spec.manifests[{index}].ociRef: {first} has the url {item.source.url}, too; give each a"
                " chart.releaseName of its own, or leave one out"
            )


def _item(item: Any, index: int) -> Item:
    where = f"spec.manifests[{index}]"
    if not isinstance(item, Mapping):
        raise SpecError(f"{where}: must be an object")
    fields = [field for field in _FIELDS if item.get(field) is not None]
    if len(fields) != 1:
        raise SpecError(f"{where}: exactly one of {', '.join(_FIELDS[:-1])} and {_FIELDS[-1]} must be set")
    chart = _chart(item["chart"], f"{where}.chart") if item.get("chart") is not None else None
    if chart is not None and fields[0] in ("inline", "channelRelease"):
        raise SpecError(
            f"{where}.chart: goes with ociRef, or with the configMapRef or secretRef of a chart's archive, not with"
            f" {fields[0]}"
        )
    return Item(_source(item, fields[0], index, chart), chart)


def _source(item: Mapping[str, Any], name: str, index: int, chart: Chart | None) -> Source:
    where = f"spec.manifests[{index}]"
    if name == "channelRelease":
        return _channel_release(item[name], f"{where}.{name}")
    if name == "ociRef":
        return _oci_ref(item[name], f"{where}.{name}", chart)
    if name == "inline":
        text = item[name]
        if not isinstance(text, str) or not text:
            raise SpecError(f"{where}.inline: must be YAML text")
        return Inline(index, text)
    kind = SourceKind.SECRET if name == "secretRef" else SourceKind.CONFIG_MAP
    return _pinned(key_ref(kind, item[name], f"{where}.{name}"), item[name], f"{where}.{name}")


def _pinned(ref: KeyRef, value: Mapping[str, Any], where: str) -> KeyRef:
    digest = value.get("digest")
    if digest is None:
        return ref
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise SpecError(f"{where}.digest: must be sha256: and 64 hexadecimal digits, found {str(digest)[:80]!r}")
    if ref.key is None:
        raise SpecError(f"{where}: digest is that of one key's content, so key must be set, too")
    return replace(ref, digest=digest)


def _channel_release(value: Any, where: str) -> ChannelRelease:
    label = value.get("versionLabel") if isinstance(value, Mapping) else False
    if label is not None and not (isinstance(label, str) and 0 < len(label) <= MAX_VERSION_LABEL):
        raise SpecError(f"{where}: must be {{}}, or have a versionLabel such as 1.4.2")
    return ChannelRelease(label)


def _oci_ref(value: Any, where: str, chart: Chart | None) -> OciRef:
    if not isinstance(value, Mapping):
        raise SpecError(f"{where}: must be an object with a url")
    texts: dict[str, str | None] = {}
    for name in ("url", *_OCI_TEXTS):
        text = value.get(name)
        if text is not None and not isinstance(text, str):
            raise SpecError(f"{where}.{name}: must be a text; quote it")
        texts[name] = text
    secret = value.get("secretRef")
    if secret is not None and not isinstance(secret, Mapping):
        raise SpecError(f"{where}.secretRef: must be an object with a name")
    try:
        return oci_ref.read(
            texts["url"] or "",
            tag=texts["tag"],
            version=texts["version"],
            digest=texts["digest"],
            secret=object_name(secret, "name", f"{where}.secretRef") if secret is not None else None,
            release=chart.release_name or None if chart is not None else None,
        )
    except InvalidOciRefError as error:
        problem = str(error)
        field, colon, rest = problem.partition(": ")
        raise SpecError(f"{where}.{field}: {rest}" if colon and field in texts else f"{where}: {problem}") from None


def _chart(value: Any, where: str) -> Chart:
    if not isinstance(value, Mapping):
        raise SpecError(f"{where}: must be an object")
    values = value.get("values")
    if values is not None and not isinstance(values, Mapping):
        raise SpecError(f"{where}.values: must be an object, as a values.yaml is")
    if _too_deep(values):
        raise SpecError(f"{where}.values: nested deeper than {MAX_DEPTH} levels")
    given = items(value, "valuesFrom", where)
    if len(given) > MAX_VALUES_FROM:
        raise SpecError(f"{where}.valuesFrom: at most {MAX_VALUES_FROM} items are possible, found {len(given)}")
    refs = tuple(one_ref(item, f"{where}.valuesFrom[{n}]") for n, item in enumerate(given))
    return Chart(
        where,
        release_name=_text(value, "releaseName", where, _RELEASE_NAME, MAX_RELEASE_NAME),
        namespace=_text(value, "namespace", where, _NAMESPACE, 63),
        values=values or {},
        values_from=tuple(KeyRef(ref.kind, ref.name, ref.key or VALUES_KEY) for ref in refs),
    )


def _text(parent: Mapping[str, Any], name: str, where: str, form: re.Pattern[str], most: int) -> str:
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or not form.fullmatch(value):
        what = f"a name of lower-case letters, digits and dashes, at most {most} characters"
        raise SpecError(f"{where}.{name}: must be {what}, found {str(value)[:80]!r}")
    return value


def _too_deep(value: Any) -> bool:
    waiting = [(value, 1)]
    while waiting:
        found, depth = waiting.pop()
        children = found.values() if isinstance(found, Mapping) else found if isinstance(found, list) else ()
        if children and depth > MAX_DEPTH:
            return True
        waiting.extend((child, depth + 1) for child in children)
    return False

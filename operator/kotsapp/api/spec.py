"""``spec`` of a KotsApp as frozen values.

The CRD's schema refuses a bad spec already; it is checked again here for API servers that know no CEL rules.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from kotsapp.api.durations import parse_duration
from kotsapp.apply.ignored import IgnoredField, InvalidIgnoredFieldError
from kotsapp.images.image_path import ImagePath
from kotsapp.license.domains import is_domain
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.verdicts.decision import OnUndecided

DEFAULT_LICENSE_KEY = "license.yaml"
MIN_INTERVAL, MAX_INTERVAL = 60.0, 720 * 3600.0
# Each look asks somebody else's server; who can't wait annotates the resource.
MIN_LOOK, MAX_LOOK = 10.0, 24 * 3600.0
MAX_VERSION_LABEL = 256
MIN_PROBE_TIMEOUT, MAX_PROBE_TIMEOUT = 0.1, 300.0
MIN_TIMEOUT, MAX_TIMEOUT = 1.0, 24 * 3600.0
# Every object of an app carries its name as a label.
MAX_APP_NAME = 63
MAX_ITEMS = 64
# What an image path may name of the core group. The others, Secrets among them, hold texts that go to no registry.
# A ConfigMap names images for whoever makes pods of it; a Secret's content is told nowhere.
CORE_KINDS_WITH_IMAGES = ("Pod", "PodTemplate", "ReplicationController", "ConfigMap")
# The largest public Configs have 150 items.
MAX_CONFIG_VALUES = 1_000

T = TypeVar("T", bound=StrEnum)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class SpecError(ValueError):
    """The spec can't be used. The message names the field, what was found and what it must be."""


class SourceKind(StrEnum):
    SECRET = "Secret"  # noqa: S105 - a kind, not a password
    CONFIG_MAP = "ConfigMap"


class V2Charts(StrEnum):
    """What becomes of kots.io/v1beta2 HelmCharts."""

    PATCH = "Patch"
    SKIP = "Skip"


class Verify(StrEnum):
    """Whether the proxy is asked for each routed image before rollout, and whether a refusal holds it back."""

    OFF = "Off"
    REPORT = "Report"
    ENFORCE = "Enforce"


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A Secret or ConfigMap in the app's own namespace; ``key`` None means every key, in key order.

    ``digest`` is that of the key's content, as ``sha256:`` and hexadecimal digits, None for any content.
    """

    kind: SourceKind
    name: str
    key: str | None
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.key is None else f"{self.kind} {self.name}, key {self.key}"


@dataclass(frozen=True, slots=True)
class Inline:
    """Manifests written in the resource itself; ``index`` is the item's place in spec.manifests."""

    index: int
    text: str

    def __str__(self) -> str:
        return f"spec.manifests[{self.index}].inline"


Source = KeyRef | Inline | RemoteItem


@dataclass(frozen=True, slots=True)
class Probe:
    """Seconds, and what becomes of an image about which there is no evidence."""

    interval: float = 3600.0
    timeout: float = 10.0
    on_undecided: OnUndecided = OnUndecided.WAIT
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxy:
    domain: str | None = None
    registry_domain: str | None = None
    public_images: bool = False
    verify: Verify = Verify.REPORT


@dataclass(frozen=True, slots=True)
class Config:
    """Answers to the release's Config: ``values`` by the items' names, over those of the objects of ``values_from``,
    of which later ones win."""

    values: Mapping[str, str | bool | int | float] = field(default_factory=dict, repr=False)
    values_from: tuple[KeyRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Pods:
    """Whether images of pods that others make are routed, too."""

    route: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """What a KotsApp asks for, defaults filled in; durations in seconds."""

    license: KeyRef
    manifests: tuple[Source, ...]
    config: Config = field(default_factory=Config)
    interval: float = 600.0
    proxy: Proxy = Proxy()
    probe: Probe = Probe()
    image_paths: tuple[ImagePath, ...] = ()
    ignore_fields: tuple[IgnoredField, ...] = ()
    pull_secret: str | None = None
    service_account: str | None = None
    patch_helm_v2: bool = True
    pods: Pods = Pods()
    prune: bool = True
    wait: bool = True
    timeout: float = 600.0
    suspend: bool = False

    @property
    def references(self) -> frozenset[tuple[SourceKind, str]]:
        """Every Secret and ConfigMap whose change must wake the app."""
        sources = (self.license, *self.manifests, *self.config.values_from)
        return frozenset((source.kind, source.name) for source in sources if isinstance(source, KeyRef))

    @property
    def remote(self) -> tuple[RemoteItem, ...]:
        """The sources outside the cluster."""
        return tuple(source for source in self.manifests if isinstance(source, RemoteItem))

    @property
    def follows_channel(self) -> bool:
        """Whether releases, and the newest license, come from the vendor's release service."""
        return any(isinstance(source, ChannelRelease) for source in self.manifests)


def check_name(name: str) -> None:
    """Raises SpecError for a KotsApp whose name can't be a label value."""
    if len(name) > MAX_APP_NAME:
        raise SpecError(f"metadata.name: {len(name)} characters are too many, at most {MAX_APP_NAME} are possible")


def parse_spec(spec: Mapping[str, Any]) -> Spec:
    """Read ``spec``; raises SpecError."""
    proxy, probe = _mapping(spec, "proxy"), _mapping(spec, "probe")
    helm, pull_secret = _mapping(spec, "helm"), _mapping(spec, "pullSecret")
    return Spec(
        license=_license(_mapping(spec, "license")),
        manifests=_manifests(spec.get("manifests")),
        config=_config(_mapping(spec, "config")),
        interval=_seconds(spec, "interval", "spec", 600.0, MIN_LOOK, MAX_LOOK),
        proxy=Proxy(
            domain=_domain(proxy, "domain"),
            registry_domain=_domain(proxy, "registryDomain"),
            public_images=_flag(proxy, "publicImages", "spec.proxy", default=False),
            verify=_choice(Verify, proxy, "verify", "spec.proxy", Verify.REPORT),
        ),
        probe=Probe(
            interval=_seconds(probe, "interval", "spec.probe", 3600.0, MIN_INTERVAL, MAX_INTERVAL),
            timeout=_seconds(probe, "timeout", "spec.probe", 10.0, MIN_PROBE_TIMEOUT, MAX_PROBE_TIMEOUT),
            on_undecided=_choice(OnUndecided, probe, "onUndecided", "spec.probe", OnUndecided.WAIT),
            exclude=tuple(_glob(item, index) for index, item in enumerate(_list(probe, "exclude", "spec.probe"))),
        ),
        image_paths=tuple(_image_path(item, i) for i, item in enumerate(_list(spec, "imagePaths", "spec"))),
        ignore_fields=tuple(_ignored_field(item, i) for i, item in enumerate(_list(spec, "ignoreFields", "spec"))),
        pull_secret=_name(pull_secret, "name", "spec.pullSecret") if pull_secret else None,
        service_account=_name(spec, "serviceAccountName", "spec") if "serviceAccountName" in spec else None,
        patch_helm_v2=_choice(V2Charts, helm, "v2Charts", "spec.helm", V2Charts.PATCH) == V2Charts.PATCH,
        pods=Pods(route=_flag(_mapping(spec, "pods"), "route", "spec.pods", default=False)),
        prune=_flag(spec, "prune", "spec", default=True),
        wait=_flag(spec, "wait", "spec", default=True),
        timeout=_seconds(spec, "timeout", "spec", 600.0, MIN_TIMEOUT, MAX_TIMEOUT),
        suspend=_flag(spec, "suspend", "spec", default=False),
    )


def account_name(name: str) -> str:
    """The name of a ServiceAccount; raises SpecError for what can be none."""
    if not _NAME.fullmatch(name):
        raise SpecError(f"{name[:80]!r} is no name of a ServiceAccount")
    return name


def _license(value: Mapping[str, Any]) -> KeyRef:
    refs = [(kind, field) for kind, field in _REF_FIELDS if value.get(field) is not None]
    if len(refs) != 1:
        raise SpecError("spec.license: exactly one of secretRef and configMapRef must be set")
    kind, field = refs[0]
    ref = _key_ref(kind, value[field], f"spec.license.{field}")
    return KeyRef(ref.kind, ref.name, ref.key or DEFAULT_LICENSE_KEY)


def _manifests(value: Any) -> tuple[Source, ...]:
    if not isinstance(value, list) or not value:
        raise SpecError("spec.manifests: at least one source of manifests must be set")
    if len(value) > MAX_ITEMS:
        raise SpecError(f"spec.manifests: at most {MAX_ITEMS} items are possible, found {len(value)}")
    sources = tuple(_source(item, index) for index, item in enumerate(value))
    if sum(isinstance(source, ChannelRelease) for source in sources) > 1:
        raise SpecError("spec.manifests: at most one channelRelease is possible: a license has one channel")
    return sources


def _source(item: Any, index: int) -> Source:
    where = f"spec.manifests[{index}]"
    if not isinstance(item, Mapping):
        raise SpecError(f"{where}: must be an object")
    fields = [field for field in _SOURCE_FIELDS if item.get(field) is not None]
    if len(fields) != 1:
        raise SpecError(
            f"{where}: exactly one of {', '.join(_SOURCE_FIELDS[:-1])} and {_SOURCE_FIELDS[-1]} must be set"
        )
    if fields == ["channelRelease"]:
        return _channel_release(item["channelRelease"], f"{where}.channelRelease")
    if fields == ["inline"]:
        text = item["inline"]
        if not isinstance(text, str) or not text:
            raise SpecError(f"{where}.inline: must be YAML text")
        return Inline(index, text)
    kind = SourceKind.SECRET if fields == ["secretRef"] else SourceKind.CONFIG_MAP
    return _pinned(_key_ref(kind, item[fields[0]], f"{where}.{fields[0]}"), item[fields[0]], f"{where}.{fields[0]}")


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


def _config(value: Mapping[str, Any]) -> Config:
    values = value.get("values") or {}
    if not isinstance(values, Mapping):
        raise SpecError("spec.config.values: must be an object of items' names and their values")
    if len(values) > MAX_CONFIG_VALUES:
        raise SpecError(f"spec.config.values: at most {MAX_CONFIG_VALUES} are possible, found {len(values)}")
    for name, one in values.items():
        if not isinstance(one, str | bool | int | float):
            raise SpecError(f"spec.config.values.{str(name)[:80]}: must be one text, number or boolean")
    refs = _list(value, "valuesFrom", "spec.config")
    return Config(dict(values), tuple(_config_source(item, index) for index, item in enumerate(refs)))


def _config_source(item: Any, index: int) -> KeyRef:
    where = f"spec.config.valuesFrom[{index}]"
    found = [(kind, name) for kind, name in _REF_FIELDS if isinstance(item, Mapping) and item.get(name) is not None]
    if len(found) != 1:
        raise SpecError(f"{where}: exactly one of secretRef and configMapRef must be set")
    kind, ref = found[0]
    return _key_ref(kind, item[ref], f"{where}.{ref}")


_SOURCE_FIELDS = ("configMapRef", "secretRef", "inline", "channelRelease")
_REF_FIELDS = ((SourceKind.SECRET, "secretRef"), (SourceKind.CONFIG_MAP, "configMapRef"))


def _key_ref(kind: SourceKind, value: Any, where: str) -> KeyRef:
    if not isinstance(value, Mapping):
        raise SpecError(f"{where}: must be an object with a name")
    key = value.get("key")
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise SpecError(f"{where}.key: {str(key)[:80]!r} can't be a key of a {kind}")
    return KeyRef(kind, _name(value, "name", where), key)


def _image_path(item: Any, index: int) -> ImagePath:
    where = f"spec.imagePaths[{index}]"
    if not isinstance(item, Mapping):
        raise SpecError(f"{where}: must be an object with group, kind and path")
    if item.get("group") == "" and item.get("kind") not in (*CORE_KINDS_WITH_IMAGES, None):
        raise SpecError(
            f"{where}: a {str(item['kind'])[:MAX_APP_NAME]} of the core group has no pods: what it holds is not probed,"
            " and would be told in status; name the custom resource that runs the image"
        )
    try:
        secrets = item.get("pullSecretsPath")
        return ImagePath(
            str(item["group"]), str(item["kind"]), str(item["path"]), None if secrets is None else str(secrets)
        )
    except KeyError as missing:
        raise SpecError(f"{where}: {missing.args[0]} is missing") from None
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from None


def _ignored_field(item: Any, index: int) -> IgnoredField:
    where = f"spec.ignoreFields[{index}]"
    if not isinstance(item, Mapping):
        raise SpecError(f"{where}: must be an object with group, kind and path")
    name = item.get("name")
    try:
        return IgnoredField(
            str(item["group"]), str(item["kind"]), str(item["path"]), None if name is None else str(name)
        )
    except KeyError as missing:
        raise SpecError(f"{where}: {missing.args[0]} is missing") from None
    except InvalidIgnoredFieldError as error:
        raise SpecError(f"{where}.path: {error}") from None


def _mapping(parent: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = parent.get(field) or {}
    if not isinstance(value, Mapping):
        raise SpecError(f"spec.{field}: must be an object")
    return value


def _list(parent: Mapping[str, Any], field: str, where: str) -> Sequence[Any]:
    value = parent.get(field) or []
    if not isinstance(value, list):
        raise SpecError(f"{where}.{field}: must be a list")
    if len(value) > MAX_ITEMS:
        raise SpecError(f"{where}.{field}: at most {MAX_ITEMS} items are possible, found {len(value)}")
    return value


def _domain(parent: Mapping[str, Any], field: str) -> str | None:
    value = parent.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or value != value.lower() or not is_domain(value):
        shown = repr(str(value)[:80])
        scheme = ": leave out the scheme" if isinstance(value, str) and "://" in value else ""
        raise SpecError(
            f"spec.proxy.{field}: must be a lower-case host such as images.example.com, found {shown}{scheme}"
        )
    return value


def _glob(item: Any, index: int) -> str:
    if not isinstance(item, str) or not item:
        raise SpecError(f"spec.probe.exclude[{index}]: must be a text such as registry.internal.example/*")
    return item


def _name(parent: Mapping[str, Any], field: str, where: str) -> str:
    value = parent.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise SpecError(f"{where}.{field}: must be the name of an object, found {str(value)[:80]!r}")
    return value


def _flag(parent: Mapping[str, Any], field: str, where: str, *, default: bool) -> bool:
    value = parent.get(field, default)
    if not isinstance(value, bool):
        raise SpecError(f"{where}.{field}: must be true or false")
    return value


def _choice(choices: type[T], parent: Mapping[str, Any], field: str, where: str, default: T) -> T:
    value = parent.get(field, default)
    try:
        return choices(value)
    except ValueError:
        raise SpecError(f"{where}.{field}: must be one of {', '.join(choices)}, found {str(value)[:80]!r}") from None


def _seconds(parent: Mapping[str, Any], field: str, where: str, default: float, least: float, most: float) -> float:
    value = parent.get(field)
    if value is None:
        return default
    try:
        seconds = parse_duration(value if isinstance(value, str) else str(value))
    except ValueError as error:
        raise SpecError(f"{where}.{field}: {error}") from None
    if not least <= seconds <= most:
        raise SpecError(f"{where}.{field}: {value} is not between {least:g}s and {most:g}s")
    return seconds

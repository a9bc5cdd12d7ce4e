"""``spec`` of a KotsApp as frozen values.

The CRD's schema refuses a bad spec already; it is checked again here for API servers that know no CEL rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from kotsapp.api.durations import parse_duration
from kotsapp.api.refs import KeyRef, SourceKind, SpecError, items, object_name, one_ref
from kotsapp.api.sources import Chart, Inline, Item, read_manifests
from kotsapp.apply.ignored import IgnoredField, InvalidIgnoredFieldError
from kotsapp.images.domains import is_domain
from kotsapp.images.image_path import ImagePath, InvalidImagePathError
from kotsapp.sources.items import ChannelRelease, RemoteItem
from kotsapp.verdicts.decision import OnUndecided

__all__ = ["Chart", "Inline", "Item", "KeyRef", "SourceKind", "Spec", "SpecError", "check_name", "parse_spec"]

DEFAULT_LICENSE_KEY = "license.yaml"
MIN_INTERVAL, MAX_INTERVAL = 60.0, 720 * 3600.0
# Each look asks somebody else's server; who can't wait annotates the resource.
MIN_LOOK, MAX_LOOK = 10.0, 24 * 3600.0
MIN_PROBE_TIMEOUT, MAX_PROBE_TIMEOUT = 0.1, 300.0
MIN_TIMEOUT, MAX_TIMEOUT = 1.0, 24 * 3600.0
# Every object of an app carries its name as a label.
MAX_APP_NAME = 63
# What an image path may name of the core group. The others, Secrets among them, hold texts that go to no registry.
# A ConfigMap names images for whoever makes pods of it; a Secret's content is shown nowhere.
CORE_KINDS_WITH_IMAGES = ("Pod", "PodTemplate", "ReplicationController", "ConfigMap")
# The largest public Configs have 150 items.
MAX_CONFIG_VALUES = 1_000

T = TypeVar("T", bound=StrEnum)


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
    manifests: tuple[Item, ...]
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
        own = ((ref.kind, ref.name) for ref in (self.license, *self.config.values_from))
        return frozenset((*own, *(reference for item in self.manifests for reference in item.references)))

    @property
    def remote(self) -> tuple[RemoteItem, ...]:
        """The sources outside the cluster."""
        return tuple(item.source for item in self.manifests if isinstance(item.source, RemoteItem))

    @property
    def follows_channel(self) -> bool:
        """Whether releases, and the newest license, come from the vendor's release service."""
        return any(isinstance(item.source, ChannelRelease) for item in self.manifests)


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
        manifests=read_manifests(spec.get("manifests")),
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
            exclude=tuple(_glob(item, index) for index, item in enumerate(items(probe, "exclude", "spec.probe"))),
        ),
        image_paths=tuple(_image_path(item, i) for i, item in enumerate(items(spec, "imagePaths", "spec"))),
        ignore_fields=tuple(_ignored_field(item, i) for i, item in enumerate(items(spec, "ignoreFields", "spec"))),
        pull_secret=object_name(pull_secret, "name", "spec.pullSecret") if pull_secret else None,
        service_account=object_name(spec, "serviceAccountName", "spec") if "serviceAccountName" in spec else None,
        patch_helm_v2=_choice(V2Charts, helm, "v2Charts", "spec.helm", V2Charts.PATCH) == V2Charts.PATCH,
        pods=Pods(route=_flag(_mapping(spec, "pods"), "route", "spec.pods", default=False)),
        prune=_flag(spec, "prune", "spec", default=True),
        wait=_flag(spec, "wait", "spec", default=True),
        timeout=_seconds(spec, "timeout", "spec", 600.0, MIN_TIMEOUT, MAX_TIMEOUT),
        suspend=_flag(spec, "suspend", "spec", default=False),
    )


def _license(value: Mapping[str, Any]) -> KeyRef:
    ref = one_ref(value, "spec.license")
    return KeyRef(ref.kind, ref.name, ref.key or DEFAULT_LICENSE_KEY)


def _config(value: Mapping[str, Any]) -> Config:
    values = value.get("values") or {}
    if not isinstance(values, Mapping):
        raise SpecError("spec.config.values: must be an object of items' names and their values")
    if len(values) > MAX_CONFIG_VALUES:
        raise SpecError(f"spec.config.values: at most {MAX_CONFIG_VALUES} are possible, found {len(values)}")
    for name, one in values.items():
        if not isinstance(one, str | bool | int | float):
            raise SpecError(f"spec.config.values.{str(name)[:80]}: must be one text, number or boolean")
    refs = items(value, "valuesFrom", "spec.config")
    return Config(
        dict(values), tuple(one_ref(item, f"spec.config.valuesFrom[{index}]") for index, item in enumerate(refs))
    )


def _image_path(item: Any, index: int) -> ImagePath:
    where = f"spec.imagePaths[{index}]"
    group, kind, path, secrets = _field_of_kind(item, where, "pullSecretsPath")
    if group == "" and kind not in CORE_KINDS_WITH_IMAGES:
        raise SpecError(
            f"{where}: a {kind[:MAX_APP_NAME]} of the core group has no pods: what it holds is not probed,"
            " and would be shown in status; name the custom resource that runs the image"
        )
    try:
        return ImagePath(group, kind, path, secrets)
    except InvalidImagePathError as error:
        raise SpecError(f"{where}: {error}") from None


def _ignored_field(item: Any, index: int) -> IgnoredField:
    where = f"spec.ignoreFields[{index}]"
    try:
        return IgnoredField(*_field_of_kind(item, where, "name"))
    except InvalidIgnoredFieldError as error:
        raise SpecError(f"{where}.path: {error}") from None


def _field_of_kind(item: Any, where: str, optional: str) -> tuple[str, str, str, str | None]:
    """The group, kind and path of an item, and an ``optional`` text; raises SpecError."""
    if not isinstance(item, Mapping):
        raise SpecError(f"{where}: must be an object with group, kind and path")
    for name in ("group", "kind", "path"):
        if name not in item:
            raise SpecError(f"{where}: {name} is missing")
    more = item.get(optional)
    return str(item["group"]), str(item["kind"]), str(item["path"]), None if more is None else str(more)


def _mapping(parent: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = parent.get(field) or {}
    if not isinstance(value, Mapping):
        raise SpecError(f"spec.{field}: must be an object")
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

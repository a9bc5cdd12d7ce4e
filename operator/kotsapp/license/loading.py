"""From the bytes of a license file to a License that may be used, or to one clear reason why not."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from kotsapp.images.domains import is_domain
from kotsapp.license import entitlements as checks
from kotsapp.license import fields
from kotsapp.license.comparison import differences
from kotsapp.license.document import Value, parse_yaml
from kotsapp.license.entitlements import Entitlement, EntitlementCheck
from kotsapp.license.errors import LicenseError, LicenseReason, shown
from kotsapp.license.expiry import LicenseState, expiry_state
from kotsapp.license.signature import SCHEMES, VERSIONS, Scheme, SignedData, verify
from kotsapp.license.trust import TrustedKeys
from kotsapp.spellings import is_word


class Policy(StrEnum):
    """What a signature that can't be trusted means: ``--license-verification``."""

    ENFORCE = "Enforce"
    """The license is refused."""
    WARN = "Warn"
    """It is used, and its ``warnings`` say what is wrong. Whoever can write the document then decides what it says."""


@dataclass(frozen=True, slots=True)
class License:
    """A license, with the values that its signature vouches for.

    ``license_id`` is the customer's credential: it is in no ``repr``, and must get into no log, event or status.
    ``expires_at`` is in UTC, None for never. ``proxy_domain`` is None when the vendor has no custom one.
    ``settings`` are further facts that releases may ask for, as text. ``differences`` are the paths of fields where the
    outer document says something else. ``verified`` is False, and ``key_id`` None, only under ``Policy.WARN``.
    ``document`` is the whole of it as it was issued.
    """

    version: str
    app_slug: str
    license_id: str = field(repr=False)
    customer_name: str
    channel_name: str
    license_type: str
    license_sequence: int
    expires_at: datetime | None
    proxy_domain: str | None
    entitlements: Mapping[str, Entitlement]
    verified: bool
    key_id: str | None
    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    customer_email: str = ""
    document: str = field(default="", repr=False)

    def secrets(self) -> Iterator[str]:
        """What may be in no message: the id, and of the entitlements hidden ones and all texts but words and hosts."""
        yield self.license_id
        for entitlement in self.entitlements.values():
            value = entitlement.text
            if entitlement.hidden or not (is_word(value) or is_domain(value)):
                yield value

    def state(self, now: datetime) -> LicenseState:
        return expiry_state(self.expires_at, now)

    def expired(self, now: datetime) -> bool:
        return self.state(now) is LicenseState.EXPIRED


def load(
    data: bytes, keys: TrustedKeys, policy: Policy = Policy.ENFORCE, versions: Collection[str] = VERSIONS
) -> License:
    """Read and verify a License document of ``kots.io/v1beta1`` or ``v1beta2``; expiry is the caller's to judge.

    ``versions`` are those that are taken.

    Raises LicenseError. Under ``Policy.WARN`` only for a document that can't be used at all: one that can't be read, is
    of another version, or lacks the license id or the app slug, or has a date that is none.
    """
    outer = fields.mapping(parse_yaml(data), "the document")
    scheme = _scheme(outer)
    if scheme.version not in versions:
        taken = " or ".join(sorted(versions))
        raise LicenseError(
            LicenseReason.VERSION_REFUSED,
            f"the License is of {scheme.version}, which is not taken here (--refuse-v1beta1-licenses): its signature is"
            f" over MD5 digests; get one of {taken} from the vendor",
        )
    spec = fields.mapping(outer.get("spec"), "spec")
    try:
        signed = verify(spec.get("signature"), scheme, keys)
    except LicenseError as error:
        if policy is Policy.ENFORCE:
            raise
        warning = f"{error.reason}: {error.message}"
        return replace(
            _license(outer, scheme, _unchecked(spec), warnings=(warning,)), document=data.decode(errors="replace")
        )
    signed_spec = fields.mapping(signed.document.get("spec"), "spec")
    checked, problems = _check_entitlements(signed_spec, spec, signed, scheme)
    if problems and policy is Policy.ENFORCE:
        message = f"{problems[0]}; get the license file from the vendor as it was issued"
        raise LicenseError(LicenseReason.ENTITLEMENT_INVALID, message, signed.key_id)
    license_ = _license(
        signed.document,
        scheme,
        checked,
        key_id=signed.key_id,
        differences=differences(outer, signed.document),
        warnings=tuple(f"{LicenseReason.ENTITLEMENT_INVALID}: {problem}" for problem in problems),
    )
    return replace(license_, document=data.decode(errors="replace"))


def _scheme(outer: dict[str, Value]) -> Scheme:
    kind, version = outer.get("kind"), outer.get("apiVersion")
    if kind != "License":
        found = f"kind {shown(kind)}" if isinstance(kind, str) and kind else "no kind"
        raise LicenseError(LicenseReason.INVALID, f"the document is not a License: it has {found}")
    scheme = SCHEMES.get(version) if isinstance(version, str) else None
    if scheme is None:
        found = f"apiVersion {shown(version)}" if isinstance(version, str) and version else "no apiVersion"
        known = " or ".join(SCHEMES)
        raise LicenseError(LicenseReason.INVALID, f"the License has {found}; expected {known}")
    return scheme


def _check_entitlements(
    signed_spec: dict[str, Value], spec: dict[str, Value], signed: SignedData, scheme: Scheme
) -> tuple[dict[str, Entitlement], tuple[str, ...]]:
    written = spec.get("entitlements")
    written = written if isinstance(written, dict) else {}
    problems, checked = [], {}
    for name, entry in fields.entitlements(signed_spec).items():
        problem = checks.problem(name, entry, written.get(name), signed.app_key, scheme)
        if problem is not None:
            problems.append(problem)
        outcome = checks.check(entry, scheme) if problem is None else EntitlementCheck.INVALID
        checked[name] = fields.entitlement(name, entry, outcome)
    return checked, tuple(problems)


def _unchecked(spec: dict[str, Value]) -> dict[str, Entitlement]:
    return {
        name: fields.entitlement(name, entry, EntitlementCheck.UNCHECKED)
        for name, entry in fields.entitlements(spec).items()
    }


def _license(
    document: dict[str, Value],
    scheme: Scheme,
    entitlements: dict[str, Entitlement],
    *,
    key_id: str | None = None,
    differences: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> License:
    spec = fields.mapping(document.get("spec"), "spec")
    return License(
        version=scheme.version,
        app_slug=fields.app_slug(spec),
        license_id=fields.license_id(spec),
        customer_name=fields.text(spec, "customerName"),
        customer_email=fields.text(spec, "customerEmail"),
        channel_name=fields.text(spec, "channelName"),
        license_type=fields.text(spec, "licenseType"),
        license_sequence=fields.sequence(spec),
        expires_at=fields.expires_at(entitlements),
        proxy_domain=fields.proxy_domain(spec),
        entitlements=MappingProxyType(entitlements),
        settings=MappingProxyType(fields.settings(spec)),
        verified=key_id is not None,
        key_id=key_id,
        differences=differences,
        warnings=warnings,
    )

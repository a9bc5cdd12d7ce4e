"""The single fields of a license's spec, each checked for what it will be used for. All raise LicenseError."""

from collections.abc import Mapping
from datetime import datetime

from kotsapp.images.domains import is_domain
from kotsapp.license.document import Value
from kotsapp.license.entitlements import Entitlement, EntitlementCheck
from kotsapp.license.errors import LicenseError, LicenseReason, shown
from kotsapp.license.expiry import parse_expiry
from kotsapp.regexes import regex

EXPIRES_AT = "expires_at"

# Texts go into the status of one object, with much else.
MAX_TEXT = 1024
# Published ids have 27 characters.
MAX_LICENSE_ID = 256
# The slug is a path part of image references and the begin of the pull secret's name (253 characters at most).
MAX_SLUG = 200

# Where the vendor's releases are, for a license that names no other place.
DEFAULT_ENDPOINT = "https://replicated.app"
_FLAGS = (
    "isAirgapSupported",
    "isDisasterRecoverySupported",
    "isEmbeddedClusterMultiNodeEnabled",
    "isGeoaxisSupported",
    "isGitOpsSupported",
    "isIdentityServiceSupported",
    "isSemverRequired",
    "isSnapshotSupported",
    "isSupportBundleUploadSupported",
)

_SLUG = regex(r"[a-z0-9]+(?:(?:\.|-+)[a-z0-9]+)*+")
_LICENSE_ID = regex(r"[!-~]+")
_CONTROL = regex(r"[\x00-\x1f\x7f-\x9f]")


def mapping(value: Value, name: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise _invalid(f"{name} is {'missing' if value is None else 'not a mapping'}")
    return value


def text(spec: dict[str, Value], key: str) -> str:
    """A text that people read, empty when missing; no control characters, which would steer their terminals."""
    value = spec.get(key)
    if value is None:
        return ""
    return _readable(value, f"spec.{key}")


def app_slug(spec: dict[str, Value]) -> str:
    slug = text(spec, "appSlug")
    if not slug:
        raise _invalid("spec.appSlug is missing")
    if len(slug) > MAX_SLUG or not _SLUG.fullmatch(slug):
        raise _invalid(
            f"spec.appSlug is {shown(slug)}; it must be lower-case letters, digits, '-' and '.', at most {MAX_SLUG}"
        )
    return slug


def license_id(spec: dict[str, Value]) -> str:
    """The customer's credential. No message about it ever quotes it."""
    value = spec.get("licenseID")
    if value is None or value == "":
        raise _invalid("spec.licenseID is missing")
    if not isinstance(value, str):
        raise _invalid("spec.licenseID is not text; put it in quotes")
    if len(value) > MAX_LICENSE_ID or not _LICENSE_ID.fullmatch(value):
        raise _invalid(f"spec.licenseID must be visible ASCII characters, at most {MAX_LICENSE_ID}")
    return value


def sequence(spec: dict[str, Value]) -> int:
    value = spec.get("licenseSequence", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _invalid("spec.licenseSequence is not a whole number from 0 up")
    return value


def proxy_domain(spec: dict[str, Value]) -> str | None:
    """The license's own ``replicatedProxyDomain``, else its channel's (else its default channel's)."""
    domain = text(spec, "replicatedProxyDomain") or _channel_proxy_domain(spec)
    if not domain:
        return None
    if not is_domain(domain):
        raise _invalid(f"replicatedProxyDomain is {shown(domain)}; expected a host such as proxy.example.com")
    return domain


def settings(spec: dict[str, Value]) -> dict[str, str]:
    """What a release may ask for beside entitlements, as text: the channel, the endpoint, and what is supported."""
    flags = {name: "true" if spec.get(name) is True else "false" for name in _FLAGS}
    return {
        "channelID": _plain(spec.get("channelID")),
        "endpoint": _plain(spec.get("endpoint")) or DEFAULT_ENDPOINT,
        # The vendor's own name for it in templates begins with a capital.
        "IsDisasterRecoverySupported": flags["isDisasterRecoverySupported"],
        **flags,
    }


def entitlements(spec: dict[str, Value]) -> dict[str, Value]:
    value = spec.get("entitlements")
    return {} if value is None else mapping(value, "spec.entitlements")


def entitlement(name: str, value: Value, check: EntitlementCheck) -> Entitlement:
    at = f"spec.entitlements[{shown(name)}]"
    _readable(name, "the name of an entitlement")
    entry = mapping(value, at)
    content, signature = entry.get("value"), entry.get("signature")
    signature = signature if isinstance(signature, dict) else {}
    if isinstance(content, list | dict):
        raise _invalid(f"{at}.value is not a single value")
    return Entitlement(
        name=name,
        title=_readable(entry.get("title") or "", f"{at}.title"),
        value=content,
        value_type=_readable(entry.get("valueType") or "", f"{at}.valueType"),
        hidden=entry.get("isHidden") is True,
        check=check,
        description=_readable(entry.get("description") or "", f"{at}.description"),
        signature={key: one for key, one in signature.items() if isinstance(one, str)},
    )


def expires_at(entitlements: Mapping[str, Entitlement]) -> datetime | None:
    found = entitlements.get(EXPIRES_AT)
    if found is None or found.value is None:
        return None
    if not isinstance(found.value, str):
        raise LicenseError(LicenseReason.EXPIRY_INVALID, f"the entitlement {EXPIRES_AT} is not text; {_HOW_TO_EXPIRE}")
    try:
        return parse_expiry(found.value)
    except ValueError as error:
        message = (
            f"the entitlement {EXPIRES_AT} is {shown(found.value)}, which is not a date: {error}; {_HOW_TO_EXPIRE}"
        )
        raise LicenseError(LicenseReason.EXPIRY_INVALID, message) from None


_HOW_TO_EXPIRE = "empty means never"


def _channel_proxy_domain(spec: dict[str, Value]) -> str:
    value = spec.get("channels")
    channels = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    own = [entry for entry in channels if entry.get("channelID") == spec.get("channelID") is not None]
    default = [entry for entry in channels if entry.get("isDefault") is True]
    for channel in (own or default)[:1]:
        return _readable(channel.get("replicatedProxyDomain") or "", "the channel's replicatedProxyDomain")
    return ""


def _plain(value: Value) -> str:
    """A text that nothing here depends on: what is none, or could not be shown, is empty."""
    return value if isinstance(value, str) and len(value) <= MAX_TEXT and not _CONTROL.search(value) else ""


def _readable(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise _invalid(f"{name} is not text")
    if len(value) > MAX_TEXT:
        raise _invalid(f"{name} is longer than {MAX_TEXT} characters")
    if _CONTROL.search(value):
        raise _invalid(f"{name} holds control characters")
    return value


def _invalid(problem: str) -> LicenseError:
    return LicenseError(LicenseReason.INVALID, problem)

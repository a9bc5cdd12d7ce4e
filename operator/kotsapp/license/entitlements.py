"""Entitlements: their values as text, and the signature that each of them has of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kotsapp.license.document import Value
from kotsapp.license.errors import shown
from kotsapp.license.signature import Scheme, decode_base64, verifies

MISSING = "<nil>"


class EntitlementCheck(StrEnum):
    """What is known about one entitlement's own signature."""

    VALID = "Valid"
    UNSIGNED = "Unsigned"
    """It has none; allowed in v1beta1, where the license's own signature covers the value."""
    INVALID = "Invalid"
    """Only seen when verification warns instead of enforcing."""
    UNCHECKED = "Unchecked"
    """The license itself was not verified, so there is no key to check with."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One entitlement of a license. ``value`` is None when it has none; vendors keep secrets in some."""

    name: str
    title: str
    value: bool | int | str | None = field(repr=False)
    value_type: str
    hidden: bool
    check: EntitlementCheck
    description: str = ""
    signature: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The value as its signer wrote it: ``true``/``false``, a decimal integer, ``<nil>`` when missing."""
        return value_text(self.value)


def value_text(value: bool | int | str | None) -> str:
    """See ``Entitlement.text``."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def problem(name: str, signed: Value, written: Value, key: RSAPublicKey, scheme: Scheme) -> str | None:
    """What is wrong with one entitlement, None if nothing is.

    ``signed`` is the field in the signed data, ``written`` the one of that name in the outer document (None if there
    is none). The outer field may differ only if its own signature fits its own value: it is then ignored, but a value
    that was simply edited, or whose signature was taken away, is a forgery and not a difference.
    """
    at = f"the entitlement {shown(name)}"
    if (wrong := _own_problem(signed, key, scheme)) is not None:
        return f"{at} {wrong}"
    if not isinstance(written, dict) or _same(signed, written, scheme):
        return None
    if (wrong := _own_problem(written, key, scheme)) is not None:
        return f"{at} {wrong}"
    if _signature(written, scheme) is None and _signature(signed, scheme) is not None:
        return f"{at} has lost its signature ({scheme.entitlement_field})"
    return None


def check(entry: Value, scheme: Scheme) -> EntitlementCheck:
    """The check of an entry in which ``problem`` found none."""
    return EntitlementCheck.UNSIGNED if _signature(entry, scheme) is None else EntitlementCheck.VALID


def _own_problem(entry: Value, key: RSAPublicKey, scheme: Scheme) -> str | None:
    value = entry.get("value") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or isinstance(value, list | dict):
        return "has no single value"
    written = _signature(entry, scheme)
    if written is None:
        return f"has no signature ({scheme.entitlement_field})" if scheme.entitlements_must_be_signed else None
    try:
        signature = decode_base64(written) if isinstance(written, str) else b""
    except ValueError as error:
        return f"has a signature that can't be read: {error}"
    if not verifies(key, signature, value_text(value).encode(), scheme):
        return "has a value that its signature does not fit"
    return None


def _same(signed: Value, written: Value, scheme: Scheme) -> bool:
    return _signature(signed, scheme) == _signature(written, scheme) and _comparable(signed) == _comparable(written)


def _comparable(entry: Value) -> Value:
    # Tools that rewrite a license turn a missing value into an empty one; nothing is gained by refusing that.
    value = entry.get("value") if isinstance(entry, dict) else None
    return None if value in (None, "") else value


def _signature(entry: Value, scheme: Scheme) -> Value:
    signatures = entry.get("signature") if isinstance(entry, dict) else None
    written = signatures.get(scheme.entitlement_field) if isinstance(signatures, dict) else None
    return written or None

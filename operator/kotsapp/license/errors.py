"""Why a license is refused: one reason for each thing that somebody has to put right."""

from enum import StrEnum


class LicenseReason(StrEnum):
    """The reason of a condition, a CamelCase word as Kubernetes wants it."""

    INVALID = "LicenseInvalid"
    """The document can't be read, is no License, or lacks a value that the operator needs."""
    VERSION_REFUSED = "LicenseVersionRefused"
    """The administrator takes no document of this version: ``--refuse-v1beta1-licenses``."""
    UNSIGNED = "LicenseUnsigned"
    """There is no ``spec.signature``."""
    SIGNATURE_MALFORMED = "LicenseSignatureMalformed"
    """``spec.signature`` is there, and one of its layers is not the base64, JSON, or PEM that it should be."""
    KEY_UNKNOWN = "LicenseKeyUnknown"
    """It was signed with a key that is neither published nor added by the administrator."""
    SIGNATURE_INVALID = "LicenseSignatureInvalid"
    """A signature does not fit what it signs: forged, damaged, or put together from several licenses."""
    ENTITLEMENT_INVALID = "LicenseEntitlementInvalid"
    """An entitlement's value or own signature was changed or removed."""
    EXPIRY_INVALID = "LicenseExpiryInvalid"
    """The entitlement ``expires_at`` is no RFC 3339 date."""
    EXPIRED = "LicenseExpired"
    """Not an error of reading: the license is genuine, and its time is over."""


class LicenseError(Exception):
    """A license that must not be used.

    The message names the field and what to do; it never holds the license id or any other value of the document
    that is not shown in the status anyway.
    """

    def __init__(self, reason: LicenseReason, message: str, key_id: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.key_id = key_id


def shown(text: str, longest: int = 60) -> str:
    """Text of the document as it may stand in a message: quoted, on one line, shortened."""
    return repr(text if len(text) <= longest else text[: longest - 3] + "...")

"""Licenses: is it genuine, what does it allow, until when. Bytes in, a License or one clear reason out."""

from kotsapp.license.entitlements import Entitlement, EntitlementCheck
from kotsapp.license.errors import LicenseError, LicenseReason
from kotsapp.license.expiry import EXPIRY_WARNING, LicenseState, expiry_state, next_moment
from kotsapp.license.loading import License, Policy, load
from kotsapp.license.signature import SAFE_VERSIONS, VERSIONS
from kotsapp.license.trust import TrustedKeys, TrustedKeysError

__all__ = [
    "EXPIRY_WARNING",
    "SAFE_VERSIONS",
    "VERSIONS",
    "Entitlement",
    "EntitlementCheck",
    "License",
    "LicenseError",
    "LicenseReason",
    "LicenseState",
    "Policy",
    "TrustedKeys",
    "TrustedKeysError",
    "expiry_state",
    "load",
    "next_moment",
]

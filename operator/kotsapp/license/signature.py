"""The signature of a License: a chain from a trusted global key over the application's key to the license's data.

``spec.signature`` is base64 of JSON ``{licenseData, innerSignature}``; innerSignature is JSON ``{publicKey,
licenseSignature, keySignature}``; keySignature is JSON ``{signature, globalKeyId}``. RSA-PSS, MGF1 with the same hash,
any salt length. The hash belongs to the version of the document: MD5 for v1beta1, SHA-256 for v1beta2.
"""

import base64
import binascii
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kotsapp.license.document import Value, parse_json
from kotsapp.license.errors import LicenseError, LicenseReason, shown
from kotsapp.license.trust import TrustedKeys, public_key


class Scheme(NamedTuple):
    """What a version of the License document is signed with, and the names of its fields."""

    version: str
    algorithm: hashes.HashAlgorithm
    license_field: str
    key_field: str
    entitlement_field: str
    entitlements_must_be_signed: bool


SCHEMES = {
    scheme.version: scheme
    for scheme in (
        # Old v1beta1 licenses have no entitlement signatures; the license's own signature covers the values.
        Scheme("kots.io/v1beta1", hashes.MD5(), "licenseSignature", "keySignature", "v1", False),  # noqa: S303
        Scheme("kots.io/v1beta2", hashes.SHA256(), "v2LicenseSignature", "v2KeySignature", "v2", True),
    )
}
VERSIONS = frozenset(SCHEMES)
# MD5 is broken: whoever may choose what gets signed can have two documents with one signature.
SAFE_VERSIONS = frozenset(version for version, scheme in SCHEMES.items() if scheme.algorithm.name != "md5")


class SignedData(NamedTuple):
    """What a verified signature vouches for: the signed document, and the key that its entitlements are signed with."""

    document: dict[str, Value]
    app_key: RSAPublicKey
    key_id: str


def verify(signature: Value, scheme: Scheme, keys: TrustedKeys) -> SignedData:
    """Verify ``spec.signature`` from the trusted key down; nothing is parsed before its signer was verified.

    Raises LicenseError: LicenseUnsigned, LicenseSignatureMalformed, LicenseKeyUnknown, LicenseSignatureInvalid.
    """
    if signature is None or signature == "":
        raise LicenseError(
            LicenseReason.UNSIGNED, "spec.signature is missing; get the license file from the vendor as it was issued"
        )
    outer = _wrapper("spec.signature", _base64("spec.signature", signature, wrapped=True))
    inner = _wrapper("innerSignature", _field(outer, "innerSignature"))
    key_signature = _wrapper(scheme.key_field, _field(inner, scheme.key_field))
    key_id = _text(key_signature, "globalKeyId")
    app_pem = _text(inner, "publicKey").encode()
    license_data = _field(outer, "licenseData")

    global_key = keys.find(key_id)
    if global_key is None:
        raise LicenseError(
            LicenseReason.KEY_UNKNOWN,
            f"signed with an untrusted key, {shown(key_id)}; get the license as the vendor issued it or, if you know "
            "whose key that is, put its public half as <key id>.pem into the folder of --trusted-keys",
            key_id=key_id,
        )
    if not verifies(global_key, _field(key_signature, "signature"), app_pem, scheme):
        raise _forged("the trusted key did not sign the application's key (publicKey)", key_id)
    try:
        app_key = public_key(app_pem)
    except ValueError as error:
        raise LicenseError(LicenseReason.SIGNATURE_MALFORMED, f"spec.signature: publicKey: {error}", key_id) from None
    if not verifies(app_key, _field(inner, scheme.license_field), license_data, scheme):
        raise _forged("the application's key did not sign the license's data (licenseData)", key_id)
    document = _layer("licenseData", license_data)
    if document.get("apiVersion") != scheme.version or document.get("kind") != "License":
        raise _forged(f"the signed data is not a License of {scheme.version}, as the document says it is", key_id)
    return SignedData(document, app_key, key_id)


def verifies(key: RSAPublicKey, signature: bytes, message: bytes, scheme: Scheme) -> bool:
    """Whether ``signature`` is ``key``'s over ``message``, by the hash of the document's version."""
    algorithm = scheme.algorithm
    pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
    try:
        key.verify(signature, message, pss, algorithm)
    except InvalidSignature:
        return False
    return True


def decode_base64(text: str) -> bytes:
    """Strict base64: raises ValueError on other characters and on spare bits, so that one value has one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("it is not canonical base64")
    return data


def _base64(name: str, value: Value, *, wrapped: bool = False) -> bytes:
    if not isinstance(value, str):
        raise _malformed(name, "it is not text")
    try:
        # A YAML block scalar may wrap the outermost text over lines.
        return decode_base64("".join(value.split()) if wrapped else value)
    except ValueError as error:
        raise _malformed(name, str(error)) from None


def _wrapper(name: str, data: bytes) -> dict[str, Value]:
    """A layer that nobody signed: no white space around it, so that no character of the whole is free to change."""
    if data != data.strip():
        raise _malformed(name, "it has white space around its JSON")
    return _layer(name, data)


def _layer(name: str, data: bytes) -> dict[str, Value]:
    try:
        value = parse_json(data)
    except ValueError as error:
        raise _malformed(name, str(error)) from None
    if not isinstance(value, dict):
        raise _malformed(name, "it is not a JSON object")
    return value


def _field(layer: dict[str, Value], name: str) -> bytes:
    return _base64(name, _text(layer, name))


def _text(layer: dict[str, Value], name: str) -> str:
    value = layer.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(name, "it is missing" if value in (None, "") else "it is not text")
    return value


def _malformed(name: str, problem: str) -> LicenseError:
    where = name if name == "spec.signature" else f"spec.signature: {name}"
    return LicenseError(
        LicenseReason.SIGNATURE_MALFORMED, f"{where}: {problem}; get the license file from the vendor as it was issued"
    )


def _forged(problem: str, key_id: str) -> LicenseError:
    return LicenseError(
        LicenseReason.SIGNATURE_INVALID,
        f"the signature is not genuine: {problem}; get the license file from the vendor as it was issued",
        key_id,
    )

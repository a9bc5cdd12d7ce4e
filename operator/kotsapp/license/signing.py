"""Making licenses with one's own keys: for vendors' development, for demos and tests.

What comes out is a License as the vendor issues it, of either version; only its global key is not a published one, so
that it counts nowhere but where an administrator trusts that key.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from kotsapp.license import fields
from kotsapp.license.document import Value, parse_yaml, plain
from kotsapp.license.entitlements import value_text
from kotsapp.license.errors import LicenseError, LicenseReason
from kotsapp.license.signature import SCHEMES, Scheme
from kotsapp.license.trust import MIN_KEY_BITS


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The two private keys of a license's chain: the global one signs the application's, which signs the rest."""

    global_key: rsa.RSAPrivateKey = field(repr=False)
    app_key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKeys":
        return cls(*(rsa.generate_private_key(public_exponent=65537, key_size=MIN_KEY_BITS) for _ in range(2)))

    @classmethod
    def from_pem(cls, global_pem: bytes, app_pem: bytes) -> "SigningKeys":
        """From two unencrypted PEM private keys; raises ValueError, naming which of the two is wrong."""
        return cls(_private_key("the global key", global_pem), _private_key("the application's key", app_pem))

    @property
    def key_id(self) -> str:
        """The global key's id: the first 32 hexadecimal digits of its SHA-256, so that it is the same every time."""
        der = self.global_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()[:32]

    @property
    def trusted_pem(self) -> bytes:
        """The public half of the global key: what goes into a folder of trusted keys as ``<key_id>.pem``."""
        return _public_pem(self.global_key)

    def private_pems(self) -> tuple[bytes, bytes]:
        """The global and the application's private key, unencrypted: to be kept like a password."""
        return _private_pem(self.global_key), _private_pem(self.app_key)


def sign(document: bytes, keys: SigningKeys) -> bytes:
    """A signed License as YAML, from one without signature (what it has of signatures is replaced).

    Raises LicenseError when ``document`` is no License of a known version or lacks what a license needs. Values are
    signed as given: an ``expires_at`` in the past makes a genuine license that has expired.
    """
    unsigned = fields.mapping(parse_yaml(document), "the document")
    scheme = SCHEMES.get(str(unsigned.get("apiVersion")))
    if unsigned.get("kind") != "License" or scheme is None:
        known = " or ".join(SCHEMES)
        raise LicenseError(LicenseReason.INVALID, f"expected a License of {known}, found another kind or apiVersion")
    spec = dict(fields.mapping(unsigned.get("spec"), "spec"))
    spec.pop("signature", None)
    fields.license_id(spec)
    fields.app_slug(spec)
    if fields.entitlements(spec):
        spec["entitlements"] = {
            name: _signed_entitlement(fields.mapping(entry, f"spec.entitlements.{name}"), keys, scheme)
            for name, entry in fields.entitlements(spec).items()
        }
    signed = {**unsigned, "spec": spec}
    signature = _signature(json.dumps(signed, separators=(",", ":"), ensure_ascii=False).encode(), keys, scheme)
    issued = {**signed, "spec": {**spec, "signature": signature}}
    return yaml.dump(issued, Dumper=_Dumper, allow_unicode=True, width=2**31, sort_keys=False).encode()


def _signed_entitlement(entry: dict[str, Value], keys: SigningKeys, scheme: Scheme) -> dict[str, Value]:
    value = entry.get("value")
    if isinstance(value, list | dict):
        raise LicenseError(LicenseReason.INVALID, "an entitlement's value is a list or a mapping; it must be one value")
    signature = _base64(_sign(keys.app_key, value_text(value).encode(), scheme))
    without_null = {key: content for key, content in entry.items() if content is not None}
    return {**without_null, "signature": {scheme.entitlement_field: signature}}


def _signature(license_data: bytes, keys: SigningKeys, scheme: Scheme) -> str:
    app_pem = _public_pem(keys.app_key)
    key_signature = {"signature": _base64(_sign(keys.global_key, app_pem, scheme)), "globalKeyId": keys.key_id}
    inner = {
        scheme.license_field: _base64(_sign(keys.app_key, license_data, scheme)),
        "publicKey": app_pem.decode(),
        scheme.key_field: _base64(_json(key_signature)),
    }
    return _base64(_json({"licenseData": _base64(license_data), "innerSignature": _base64(_json(inner))}))


def _sign(key: rsa.RSAPrivateKey, message: bytes, scheme: Scheme) -> bytes:
    algorithm = scheme.algorithm
    return key.sign(message, padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH), algorithm)


def _private_key(name: str, pem: bytes) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{name} is not an unencrypted PEM private key") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError(f"{name} is not an RSA key of {MIN_KEY_BITS} bits or more")
    return key


def _public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _json(value: dict[str, str]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some reader of YAML could take for something else."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        ambiguous = not isinstance(plain(text), str) or (text[:1].isdigit() and not text.isalpha())
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if ambiguous else None)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class calls it
        return True


_Dumper.add_representer(str, _Dumper.represent_text)

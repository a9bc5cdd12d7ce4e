"""Genuine licenses, signed with keys made for this run, from which each test makes the bad one that it needs."""

import base64
import json
from collections.abc import Callable
from typing import Any

import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from kotsapp.license import TrustedKeys
from kotsapp.license.signing import SigningKeys, sign

LICENSE_ID = "2Zq1SecretLicenseIdForTests"
V1BETA1, V1BETA2 = VERSIONS = ("kots.io/v1beta1", "kots.io/v1beta2")


def read(text: bytes) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return document


def write(document: dict[str, Any]) -> bytes:
    """JSON is YAML, and has no aliases."""
    return json.dumps(document, ensure_ascii=False).encode()


def license_document(version: str = VERSIONS[1], **spec: Any) -> dict[str, Any]:
    """An unsigned License; ``spec`` replaces fields, None takes one away."""
    fields: dict[str, Any] = {
        "licenseID": LICENSE_ID,
        "appSlug": "my-kots-app",
        "customerName": "Ada & Söhne",
        "channelID": "chan-1",
        "channelName": "Stable",
        "licenseType": "prod",
        "licenseSequence": 7,
        "entitlements": {
            "expires_at": {"title": "Expiration", "value": "", "valueType": "String"},
            "seats": {"title": "Seats", "value": 25, "valueType": "Integer"},
            "sso": {"title": "SSO", "value": True, "valueType": "Boolean"},
            "region": {"title": "Region", "valueType": "String"},
        },
        **spec,
    }
    kept = {name: value for name, value in fields.items() if value is not None}
    return {"apiVersion": version, "kind": "License", "metadata": {"name": "ada"}, "spec": kept}


class Vendor:
    """Somebody who signs licenses, and the keys that trust them."""

    def __init__(self) -> None:
        self.keys = SigningKeys.generate()
        self.trusted = TrustedKeys({self.keys.key_id: self.keys.global_key.public_key()})

    def license(self, version: str = V1BETA2, **spec: Any) -> bytes:
        return sign(write(license_document(version, **spec)), self.keys)


def edited(signed: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The license with its outer document's spec changed, the signature left as it is."""
    document = read(signed)
    change(document["spec"])
    return write(document)


class Envelope:
    """A signed license taken apart, so that one layer can be changed and the rest put together again around it."""

    def __init__(self, signed: bytes) -> None:
        self.document: dict[str, Any] = read(signed)
        self.version: str = self.document["apiVersion"]
        self.outer: dict[str, Any] = json.loads(base64.b64decode(self.document["spec"]["signature"]))
        self.license_data: bytes = base64.b64decode(self.outer["licenseData"])
        self.inner: dict[str, Any] = json.loads(base64.b64decode(self.outer["innerSignature"]))
        self.key_field = next(name for name in self.inner if name.lower().endswith("keysignature"))
        self.key_signature: dict[str, Any] = json.loads(base64.b64decode(self.inner[self.key_field]))

    def sign_data(self, document: dict[str, Any], vendor: Vendor) -> None:
        """Let the vendor sign other data, whatever it is, with none of the product's code."""
        md5 = self.version == V1BETA1
        hash_: hashes.HashAlgorithm = hashes.MD5() if md5 else hashes.SHA256()
        pss = padding.PSS(padding.MGF1(hash_), padding.PSS.DIGEST_LENGTH)
        self.license_data = json.dumps(document).encode()
        signature = vendor.keys.app_key.sign(self.license_data, pss, hash_)
        self.inner["licenseSignature" if md5 else "v2LicenseSignature"] = base64.b64encode(signature).decode()

    def pack(self) -> bytes:
        def layer(value: dict[str, Any]) -> str:
            return base64.b64encode(json.dumps(value).encode()).decode()

        inner = self.inner
        if isinstance(inner.get(self.key_field), str):
            inner = {**inner, self.key_field: layer(self.key_signature)}
        outer = {"licenseData": base64.b64encode(self.license_data).decode(), "innerSignature": layer(inner)}
        self.document["spec"]["signature"] = layer(outer)
        return write(self.document)

"""The token that docker-registry takes: a JWT signed with ES256, its certificate in the header (token spec, JWT)."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localworld.pki import KeyPair

# Tokens are taken at once, by a process on the same clock; the second covers rounding.
_SKEW_SECONDS = 1
_P256_BYTES = 32


class Signer:
    """Signs tokens with one key, named by its certificate."""

    def __init__(self, pair: KeyPair) -> None:
        key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{pair.key}: an elliptic curve key is needed")
        self._key = key
        certificate = x509.load_pem_x509_certificate(pair.cert.read_bytes())
        der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        self._header = _encoded({"typ": "JWT", "alg": "ES256", "x5c": [der]})

    def sign(
        self,
        *,
        issuer: str,
        service: str,
        subject: str,
        access: Sequence[Mapping[str, Any]],
        seconds: int,
    ) -> str:
        """A token for `service` that allows `access` for so many seconds from now."""
        now = int(time.time())
        claims = {
            "iss": issuer,
            "sub": subject,
            "aud": service,
            "nbf": now - _SKEW_SECONDS,
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_hex(8),
            "access": list(access),
        }
        signed = f"{self._header}.{_encoded(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
        return f"{signed}.{_unpadded(signature)}"


def _encoded(value: Mapping[str, Any]) -> str:
    return _unpadded(json.dumps(value, separators=(",", ":")).encode())


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

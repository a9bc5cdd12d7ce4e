"""Licenses for the tests, signed with keys of our own that the operator is told to trust."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from kotsapp.license.signing import SigningKeys, sign

LICENSE_ID = "local-license-id"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs licenses; ``folder`` is for ``--trusted-keys``, ``issued`` are the license ids that it ever signed."""

    keys: SigningKeys
    folder: Path
    issued: set[str] = field(default_factory=set)

    @classmethod
    def make(cls, folder: Path) -> Self:
        keys = SigningKeys.generate()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{keys.key_id}.pem").write_bytes(keys.trusted_pem)
        return cls(keys, folder)

    def sign(self, *, version: str = "v1beta2", expires_at: str = "", **changes: Any) -> bytes:
        """A signed license of my-kots-app; ``changes`` are fields of its spec, such as ``licenseID``."""
        spec: dict[str, Any] = {
            "appSlug": "my-kots-app",
            "channelName": "Stable",
            "customerName": "Acme",
            "licenseID": LICENSE_ID,
            "licenseSequence": 3,
            "licenseType": "prod",
            "entitlements": {"expires_at": {"title": "Expiration", "value": expires_at, "valueType": "String"}},
            **changes,
        }
        self.issued.add(str(spec["licenseID"]))
        document = {"apiVersion": f"kots.io/{version}", "kind": "License", "metadata": {"name": "acme"}, "spec": spec}
        return sign(yaml.safe_dump(document, sort_keys=False).encode(), self.keys)

"""The public keys that a license may be signed with: the published ones, and those that the administrator adds.

``TrustedKeys.load`` is the one place of this package that reads files: configuration, once, at start-up.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kotsapp.regexes import regex

# A 16384-bit key takes 3 KiB as PEM.
MAX_PEM_BYTES = 16 * 1024
# The vendor's keys have 2048 bits; shorter ones can be broken, and far longer ones only cost time.
MIN_KEY_BITS = 2048
MAX_KEY_BITS = 16384

_PUBLISHED = Path(__file__).parent / "keys"
_KEY_ID = regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class TrustedKeysError(ValueError):
    """A folder of trusted keys can't be used; the message names the file and what is wrong with it."""


class TrustedKeys:
    """RSA public keys by key id. Immutable."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, RSAPublicKey]) -> None:
        self._keys = MappingProxyType(dict(keys))

    @classmethod
    def load(cls, folder: Path | str | None = None) -> "TrustedKeys":
        """The published keys, and the ``<key id>.pem`` files of ``folder``.

        Hidden files, folders and files with other endings are passed over (a mounted Secret has such). Raises
        TrustedKeysError: no such folder, no PEM file in it, a file that is no RSA public key of 2048 bits or more, a
        key id that a published key has already.
        """
        keys = _read_folder(_PUBLISHED)
        if folder is not None:
            for key_id, key in _read_folder(Path(folder)).items():
                if key_id in keys and keys[key_id] != key:
                    name = Path(folder) / f"{key_id}.pem"
                    raise TrustedKeysError(f"{name}: this key id belongs to a published key; give yours another name")
                keys[key_id] = key
        return cls(keys)

    def find(self, key_id: str) -> RSAPublicKey | None:
        return self._keys.get(key_id)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(sorted(self._keys))

    def __repr__(self) -> str:
        return f"TrustedKeys({', '.join(self.ids)})"


def public_key(pem: bytes) -> RSAPublicKey:
    """An RSA public key from PEM text; raises ValueError with what it is instead."""
    if len(pem) > MAX_PEM_BYTES:
        raise ValueError(f"it is larger than {MAX_PEM_BYTES // 1024} KiB")
    if b"PRIVATE KEY-----" in pem:
        raise ValueError("it holds a private key; only the public key belongs there")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError('it is not a PEM public key ("-----BEGIN PUBLIC KEY-----")') from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("it is not an RSA key")
    if not MIN_KEY_BITS <= key.key_size <= MAX_KEY_BITS:
        raise ValueError(f"its key has {key.key_size} bits; between {MIN_KEY_BITS} and {MAX_KEY_BITS} are accepted")
    return key


def _read_folder(folder: Path) -> dict[str, RSAPublicKey]:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".pem" and not file.name.startswith("."))
    except OSError as error:
        raise TrustedKeysError(f"{folder}: can't read the folder of trusted keys: {error.strerror}") from None
    if not files:
        raise TrustedKeysError(f"{folder}: holds no trusted key; expected files named <key id>.pem")
    return {file.stem: _read_file(file) for file in files}


def _read_file(file: Path) -> RSAPublicKey:
    if not _KEY_ID.fullmatch(file.stem):
        raise TrustedKeysError(f"{file}: a key file is named by its key id (letters, digits, '.', '_', '-')")
    try:
        with file.open("rb") as stream:
            return public_key(stream.read(MAX_PEM_BYTES + 1))
    except OSError as error:
        raise TrustedKeysError(f"{file}: can't read it: {error.strerror}") from None
    except ValueError as error:
        raise TrustedKeysError(f"{file}: {error}") from None

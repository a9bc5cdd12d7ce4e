"""htpasswd files with bcrypt, the only hash that docker-registry takes, from the C library's own crypt()."""

from __future__ import annotations

import ctypes
import ctypes.util
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# bcrypt's least cost: the passwords are random and the registry checks one with every request.
_COST = 4
_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SALT_CHARACTERS = 22


class HashError(RuntimeError):
    """The C library cannot hash with bcrypt."""


def write(path: Path, users: Mapping[str, str]) -> None:
    """Write `user -> password` as an htpasswd file, replacing it whole; a running registry sees it at once."""
    fresh = path.with_name(f".{path.name}")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{user}:{bcrypt(password)}\n" for user, password in users.items()))
    fresh.replace(path)


def bcrypt(password: str) -> str:
    """The bcrypt hash of the password with a fresh salt; HashError where the C library has no bcrypt."""
    try:
        crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1").crypt
    except OSError as error:
        raise HashError("no libcrypt: the Basic auth registry needs it (Debian: libcrypt1)") from error
    crypt.argtypes, crypt.restype = (ctypes.c_char_p, ctypes.c_char_p), ctypes.c_char_p
    salt = "".join(secrets.choice(_ALPHABET) for _ in range(_SALT_CHARACTERS - 1)) + secrets.choice(".Oeu")
    hashed = crypt(password.encode(), f"$2b${_COST:02d}${salt}".encode())
    if not isinstance(hashed, bytes) or not hashed.startswith(b"$2b$"):
        raise HashError("this machine's libcrypt has no bcrypt, which the Basic auth registry needs")
    return hashed.decode()

"""``kotsapp license``: check a license file, and sign one with one's own keys."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kotsapp.cli.ending import report
from kotsapp.cli.errors import EXIT_OK, EXIT_PROBLEM, CommandError
from kotsapp.cli.output import print_result, print_tables
from kotsapp.license import License, LicenseError, LicenseReason, TrustedKeys, TrustedKeysError, load
from kotsapp.license.document import MAX_BYTES
from kotsapp.license.facts import timestamp
from kotsapp.license.signing import SigningKeys, sign
from kotsapp.license.trust import MAX_PEM_BYTES

_GLOBAL_KEY = Path("private", "global.pem")
_APP_KEY = Path("private", "app.pem")


def verify(args: argparse.Namespace) -> int:
    """Print what each license says and whether it may be used; exit code 1 if one may not."""
    try:
        keys = TrustedKeys.load(args.trusted_keys)
    except TrustedKeysError as error:
        raise CommandError(str(error)) from None
    results = [_verified(name, _read(name), keys, args.within) for name in args.files]
    if args.output != "table":
        shown = [_shown_result(one, named=len(results) > 1) for one in results]
        print_result(shown[0] if len(shown) == 1 else {"licenses": shown}, args.output, str)
    else:
        print_tables([_titled(one, named=len(results) > 1) for one in results if one["version"] is not None])
    for one in results:
        if one["problem"]:
            report(f"kotsapp: {one['file']}: {one['problem']}")
    return EXIT_PROBLEM if any(one["problem"] for one in results) else EXIT_OK


def _verified(name: str, data: bytes, keys: TrustedKeys, within: timedelta | None) -> dict[str, Any]:
    """What is printed of one license; ``problem`` is for standard error, and decides the exit code."""
    soon = None
    try:
        license = load(data, keys)
        result = _report(license, datetime.now(UTC))
        soon = _expires_soon(license, within)
    except LicenseError as error:
        result = _refusal(error)
    problem = soon if result["valid"] else f"{result['reason']}: {result['message']}"
    return {"file": name, "problem": problem, **result}


def _shown_result(result: Mapping[str, Any], *, named: bool) -> dict[str, Any]:
    left_out = {"problem"} if named else {"problem", "file"}
    return {key: value for key, value in result.items() if key not in left_out}


def _titled(result: Mapping[str, Any], *, named: bool) -> str:
    return f"{'FILE':<12} {result['file']}\n{_table(result)}" if named else _table(result)


def _expires_soon(license: License, within: timedelta | None) -> str | None:
    """That the license's end is nearer than ``within``."""
    if within is None or license.expires_at is None or license.expires_at - datetime.now(UTC) > within:
        return None
    return f"LicenseExpiringSoon: it expires on {timestamp(license.expires_at)}; have it renewed"


def sign_file(args: argparse.Namespace) -> int:
    """Print the license, signed with the keys in the folder."""
    data = _read(args.file)
    keys = _signing_keys(args.keys)
    try:
        signed = sign(data, keys)
    except LicenseError as error:
        raise CommandError(f"{args.file}: {error.message}") from None
    sys.stdout.write(signed.decode())
    return EXIT_OK


def _report(license: License, now: datetime) -> dict[str, Any]:
    expired = license.expired(now)
    return {
        "valid": not expired,
        "reason": str(LicenseReason.EXPIRED) if expired else None,
        "message": f"it expired on {timestamp(license.expires_at)}; ask the vendor for a new one" if expired else None,
        "version": license.version,
        "keyId": license.key_id,
        "appSlug": license.app_slug,
        "customerName": license.customer_name,
        "channelName": license.channel_name,
        "licenseType": license.license_type,
        "licenseSequence": license.license_sequence,
        "expiresAt": timestamp(license.expires_at) or None,
        "expired": expired,
        "proxyDomain": license.proxy_domain,
        "differences": list(license.differences),
        "entitlements": {
            name: {
                "title": entitlement.title,
                "value": entitlement.value,
                "valueType": entitlement.value_type,
                "check": str(entitlement.check),
            }
            for name, entitlement in sorted(license.entitlements.items())
        },
    }


def _refusal(error: LicenseError) -> dict[str, Any]:
    unknown = ("appSlug", "customerName", "channelName", "licenseType", "licenseSequence", "expiresAt")
    return {
        "valid": False,
        "reason": str(error.reason),
        "message": error.message,
        "version": None,
        "keyId": error.key_id,
        **dict.fromkeys(unknown),
        "expired": False,
        "proxyDomain": None,
        "differences": [],
        "entitlements": {},
    }


def _table(result: Mapping[str, Any]) -> str:
    lines = [
        ("VALID", "yes" if result["valid"] else f"no, {result['reason']}"),
        ("APP", result["appSlug"]),
        ("CUSTOMER", result["customerName"]),
        ("CHANNEL", result["channelName"]),
        ("TYPE", result["licenseType"]),
        ("SEQUENCE", str(result["licenseSequence"])),
        ("EXPIRES", result["expiresAt"] or "never"),
        ("PROXY", result["proxyDomain"] or "the vendor's default"),
        ("VERSION", result["version"]),
        ("KEY", result["keyId"]),
        ("DIFFERENCES", _differences(result["differences"])),
    ]
    text = "\n".join(f"{name:<12} {value}" for name, value in lines)
    if not result["entitlements"]:
        return text
    rows = [("ENTITLEMENT", "VALUE", "CHECK")]
    rows += [(name, _shown(entry["value"]), entry["check"]) for name, entry in result["entitlements"].items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    table = "\n".join(f"{name:<{widths[0]}}   {value:<{widths[1]}}   {check}" for name, value, check in rows)
    return f"{text}\n\n{table}"


def _differences(changed: Sequence[str]) -> str:
    return f"{', '.join(changed)}: changed after signing; the signed values are used" if changed else "none"


def _shown(value: bool | int | str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).replace("\n", " ")


def _read(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name}: can't read the license: {error.strerror}") from None


def _signing_keys(folder: Path) -> SigningKeys:
    if not folder.exists():
        return _fresh_keys(folder)
    try:
        pems = [_read_key(folder / name) for name in (_GLOBAL_KEY, _APP_KEY)]
        return SigningKeys.from_pem(*pems)
    except ValueError as error:
        raise CommandError(f"{folder}: {error}") from None


def _read_key(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_PEM_BYTES)
    except OSError as error:
        hint = "name a folder that isn't there yet to have keys made"
        raise CommandError(f"{file}: can't read the private key: {error.strerror}; {hint}") from None


def _fresh_keys(folder: Path) -> SigningKeys:
    keys = SigningKeys.generate()
    try:
        (folder / "private").mkdir(mode=0o700, parents=True)
        for name, pem in zip((_GLOBAL_KEY, _APP_KEY), keys.private_pems(), strict=True):
            _write_private(folder / name, pem)
        (folder / f"{keys.key_id}.pem").write_bytes(keys.trusted_pem)
    except OSError as error:
        raise CommandError(f"{folder}: can't write the keys: {error.strerror}") from None
    print(f"kotsapp: made new signing keys in {folder} (key id {keys.key_id})", file=sys.stderr)
    return keys


def _write_private(file: Path, pem: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)

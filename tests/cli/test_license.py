"""``kotsapp license verify`` and ``kotsapp license sign``, as somebody types them."""

import io
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.licensed import LICENSE_ID, V1BETA1, VERSIONS, Vendor, edited, license_document, write
from kotsapp.cli import act, parser
from kotsapp.cli.errors import CommandError


def run(*words: str | Path) -> int:
    return act(parser(["license"]).parse_args(["license", *map(str, words)]))


@pytest.fixture
def trusted_keys(tmp_path: Path, vendor: Vendor) -> Path:
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / f"{vendor.keys.key_id}.pem").write_bytes(vendor.keys.trusted_pem)
    return folder


def verify(data: bytes, trusted_keys: Path, output: str = "json") -> tuple[int, Path]:
    file = trusted_keys.parent / "license.yaml"
    file.write_bytes(data)
    return run("verify", file, "--trusted-keys", trusted_keys, "-o", output), file


def test_a_valid_license_is_reported(vendor: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed = vendor.license(entitlements={"expires_at": {"value": "2099-01-01T00:00:00Z"}, "seats": {"value": 5}})
    code, _ = verify(edited(signed, lambda spec: spec.update(customerName="Eve")), trusted_keys)
    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert json.loads(printed.out) == {
        "valid": True,
        "reason": None,
        "message": None,
        "version": "kots.io/v1beta2",
        "keyId": vendor.keys.key_id,
        "appSlug": "my-kots-app",
        "customerName": "Ada & Söhne",
        "channelName": "Stable",
        "licenseType": "prod",
        "licenseSequence": 7,
        "expiresAt": "2099-01-01T00:00:00Z",
        "expired": False,
        "proxyDomain": None,
        "differences": ["spec.customerName"],
        "entitlements": {
            "expires_at": {"title": "", "value": "2099-01-01T00:00:00Z", "valueType": "", "check": "Valid"},
            "seats": {"title": "", "value": 5, "valueType": "", "check": "Valid"},
        },
    }
    assert LICENSE_ID not in printed.out


def test_an_expired_license_is_genuine_and_does_not_count(
    vendor: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, file = verify(vendor.license(entitlements={"expires_at": {"value": "2020-01-01T00:00:00Z"}}), trusted_keys)
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert code == 1
    assert (report["valid"], report["reason"], report["expired"]) == (False, "LicenseExpired", True)
    assert (report["appSlug"], report["expiresAt"]) == ("my-kots-app", "2020-01-01T00:00:00Z")
    assert printed.err == (
        f"kotsapp: {file}: LicenseExpired: it expired on 2020-01-01T00:00:00Z; ask the vendor for a new one\n"
    )


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_forged_license_is_told_with_its_reason(
    vendor: Vendor, trusted_keys: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = edited(vendor.license(), lambda spec: spec["entitlements"]["seats"].update(value=9999))
    code, file = verify(forged, trusted_keys, output)
    printed = capsys.readouterr()
    report = yaml.safe_load(printed.out)
    assert code == 1
    assert (report["valid"], report["reason"]) == (False, "LicenseEntitlementInvalid")
    assert (report["keyId"], report["appSlug"], report["entitlements"]) == (vendor.keys.key_id, None, {})
    assert printed.err.startswith(f"kotsapp: {file}: LicenseEntitlementInvalid: the entitlement 'seats' ")
    assert printed.err.count("\n") == 1


def test_a_person_reads_a_table(vendor: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = verify(vendor.license(), trusted_keys, "table")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert ["VALID", "yes"] in lines
    assert ["APP", "my-kots-app"] in lines
    assert ["EXPIRES", "never"] in lines
    assert ["ENTITLEMENT", "VALUE", "CHECK"] in lines
    assert ["sso", "true", "Valid"] in lines


def test_a_forged_license_leaves_one_line_for_a_person(
    vendor: Vendor, stranger: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = verify(stranger.license(), trusted_keys, "table")
    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert "LicenseKeyUnknown" in printed.err
    assert printed.err.count("\n") == 1


def test_a_file_of_ten_megabytes_is_refused(trusted_keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = verify(b"[" * 10 * 1024 * 1024, trusted_keys)
    assert code == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "LicenseInvalid"


def usage_error(*words: str | Path) -> str:
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_what_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "license.yaml"
    assert usage_error("verify", file) == f"{file}: can't read the license: No such file or directory"
    file.write_text("x")
    assert "can't read the folder of trusted keys" in usage_error("verify", file, "--trusted-keys", tmp_path / "no")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_license_signed_with_fresh_keys_verifies_with_their_folder(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unsigned, keys = tmp_path / "unsigned.yaml", tmp_path / "keys"
    unsigned.write_bytes(write(license_document(version)))

    assert run("sign", unsigned, "--keys", keys) == 0
    printed = capsys.readouterr()
    assert f"made new signing keys in {keys}" in printed.err
    assert "PRIVATE" not in printed.out + printed.err
    code, _ = verify(printed.out.encode(), keys)
    assert (code, json.loads(capsys.readouterr().out)["version"]) == (0, version)

    assert run("sign", unsigned, "--keys", keys) == 0
    assert capsys.readouterr().err == "", "the second time the keys are those of the first"


def test_private_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    unsigned, keys = tmp_path / "unsigned.yaml", tmp_path / "keys"
    unsigned.write_bytes(write(license_document()))
    run("sign", unsigned, "--keys", keys)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (keys / "private", *(keys / "private").iterdir())}
    assert modes == {"private": 0o700, "global.pem": 0o600, "app.pem": 0o600}


def test_a_folder_without_keys_is_not_filled(tmp_path: Path) -> None:
    """A mistyped folder must not become a place of private keys."""
    unsigned = tmp_path / "unsigned.yaml"
    unsigned.write_bytes(write(license_document()))
    assert "can't read the private key: No such file" in usage_error("sign", unsigned, "--keys", tmp_path)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "global.pem").write_text("x")
    (tmp_path / "private" / "app.pem").write_text("x")
    assert "the global key is not an unencrypted PEM" in usage_error("sign", unsigned, "--keys", tmp_path)


def test_what_is_no_license_is_not_signed(tmp_path: Path) -> None:
    unsigned: Any = tmp_path / "unsigned.yaml"
    unsigned.write_bytes(write(license_document(V1BETA1, appSlug=None)))
    assert usage_error("sign", unsigned, "--keys", tmp_path / "keys") == f"{unsigned}: spec.appSlug is missing"


@pytest.mark.parametrize(("within", "expected"), [("30d", 1), ("9d", 0), ("239h", 0)])
def test_a_license_that_ends_soon_fails_a_check_that_asks_for_it(
    vendor: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str], within: str, expected: int
) -> None:
    ends = (datetime.now(UTC) + timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    file = trusted_keys.parent / "license.yaml"
    file.write_bytes(vendor.license(entitlements={"expires_at": {"value": ends}}))
    assert run("verify", file, "--trusted-keys", trusted_keys, "--within", within) == expected
    captured = capsys.readouterr().err
    assert captured == (
        f"kotsapp: {file}: LicenseExpiringSoon: it expires on {ends}; have it renewed\n" if expected else ""
    )


def test_several_licenses_are_each_told_and_the_worst_decides(
    tmp_path: Path,
    vendor: Vendor,
    trusted_keys: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, soon = tmp_path / "good.yaml", tmp_path / "soon.yaml"
    good.write_bytes(vendor.license())
    ends = (datetime.now(UTC) + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    soon.write_bytes(vendor.license(entitlements={"expires_at": {"value": ends}}))
    keys = ["--trusted-keys", trusted_keys]
    assert run("verify", good, soon, *keys) == 0
    captured = capsys.readouterr()
    assert [line.split()[1] for line in captured.out.splitlines() if line.startswith("FILE")] == [str(good), str(soon)]
    assert run("verify", good, soon, *keys, "--within", "30d", "-o", "json") == 1
    captured = capsys.readouterr()
    assert [one["file"] for one in json.loads(captured.out)["licenses"]] == [str(good), str(soon)]
    assert captured.err.startswith(f"kotsapp: {soon}: LicenseExpiringSoon") and str(good) not in captured.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"kind: Nothing")))
    assert run("verify", good, "-", *keys) == 1
    assert capsys.readouterr().err.startswith("kotsapp: -: ")


def test_of_an_edited_license_it_is_said_which_values_count(
    vendor: Vendor, trusted_keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify(edited(vendor.license(), lambda spec: spec.update(customerName="Eve")), trusted_keys, "table")
    assert "spec.customerName: changed after signing; the signed values are used" in capsys.readouterr().out

"""``kotsapp pull`` against a release service that listens."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.licenses import LICENSE_ID, Signer
from kotsapp.cli import main
from localworld.release_channel import Customer, Response, Vendor
from localworld.release_server import HOST, ReleaseServer

APP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {version: "{{repl VersionLabel }}", cursor: "{{repl Cursor }}", proxy: "{{repl ReplicatedProxyDomain }}"}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReleaseServer]:
    server = ReleaseServer()
    server.start()
    (tmp_path / "registries.yaml").write_text(
        yaml.safe_dump({"registries": [{"host": HOST, "endpoint": server.endpoint}]})
    )
    yield server
    server.stop()


@pytest.fixture
def vendor(server: ReleaseServer, signer: Signer, tmp_path: Path) -> Vendor:
    vendor = server.vendor("my-kots-app")
    vendor.proxy_domain = "images.vendor.example"
    document = signer.sign(channelID="stable")
    vendor.customers[LICENSE_ID] = Customer(document, 3, "stable")
    vendor.publish("1.0.0", {"app.yaml": APP}, "stable")
    vendor.publish("1.1.0", {"app.yaml": APP}, "stable", notes="what is new")
    (tmp_path / "license.yaml").write_bytes(document)
    return vendor


def pull(folder: Path, signer: Signer, *words: str) -> int:
    given = ["--license", str(folder / "license.yaml"), "--trusted-keys", str(signer.folder)]
    return main(["pull", *given, "--registries", str(folder / "registries.yaml"), "--to", str(folder / "to"), *words])


def test_the_newest_release_is_written_with_what_it_is(
    tmp_path: Path, signer: Signer, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull(tmp_path, signer, "-o", "json") == 0

    captured = json.loads(capsys.readouterr().out)
    assert (captured["versionLabel"], captured["channelSequence"]) == ("1.1.0", 2)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", captured["digest"])
    assert (tmp_path / "to" / "release.tar.gz").read_bytes() == vendor.channels["stable"][1].archive
    written = yaml.safe_load((tmp_path / "to" / "installation.yaml").read_text())
    assert written["kind"] == "Installation"
    assert written["spec"] == {
        "updateCursor": "2",
        "channelName": "Stable",
        "versionLabel": "1.1.0",
        "releaseNotes": "what is new",
        "replicatedProxyDomain": "images.vendor.example",
    }


def test_render_fills_in_which_release_it_is_and_lint_takes_it(
    tmp_path: Path, signer: Signer, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull(tmp_path, signer, "--version", "1.0.0") == 0
    capsys.readouterr()
    words = ["-f", str(tmp_path / "to"), "--license", str(tmp_path / "license.yaml")]

    assert main(["render", *words, "--trusted-keys", str(signer.folder), "--assume", "public"]) == 0

    rendered = yaml.safe_load_all(capsys.readouterr().out)
    (data,) = [one["data"] for one in rendered if one["kind"] == "ConfigMap"]
    assert data == {"version": "1.0.0", "cursor": "1", "proxy": "images.vendor.example"}
    assert main(["lint", str(tmp_path / "to")]) == 0


def test_a_license_that_was_renewed_at_the_vendor_opens_what_the_file_does_not(
    tmp_path: Path, signer: Signer, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "license.yaml").write_bytes(signer.sign(channelID="stable", expires_at="2020-01-01T00:00:00Z"))
    vendor.customers[LICENSE_ID].document = signer.sign(channelID="stable", licenseSequence=4)

    assert pull(tmp_path, signer) == 0
    assert "has a newer one, of sequence 4" in capsys.readouterr().err
    vendor.faults["license"] = lambda *_: Response(500)
    assert pull(tmp_path, signer) == 1
    assert "LicenseExpired" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        (lambda *_: Response(404), "answered 404 for release 6.6.6"),
        (lambda *_: Response(401), "answered 401"),
        (lambda _, r: Response(200, r.body[:-9], r.headers), ""),
    ],
)
def test_what_can_t_be_fetched_is_told_and_nothing_is_written(
    fault: object, reported: str, tmp_path: Path, signer: Signer, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(fault)
    vendor.faults["release"] = fault

    assert pull(tmp_path, signer, "--version", "6.6.6") == 1
    error = capsys.readouterr().err
    assert reported in error
    assert LICENSE_ID not in error
    assert not (tmp_path / "to").exists()


def test_what_is_wrong_with_the_newest_license_tells_no_secret_and_steers_no_terminal(
    tmp_path: Path, signer: Signer, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = f'kind: "{LICENSE_ID}"'.encode()
    vendor.faults["license"] = lambda _, answer: Response(200, bad, answer.headers)

    assert pull(tmp_path, signer) == 0

    said = capsys.readouterr().err
    assert "the newest license could not be looked at: the newest license can't be used: LicenseInvalid" in said
    assert "kind '***'" in said
    assert LICENSE_ID not in said

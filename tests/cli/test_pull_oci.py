"""``kotsapp pull`` of charts and artifacts in real registries, and ``kotsapp render`` of what it wrote."""

import json
from pathlib import Path

import pytest
import yaml

from harness.charts import helm
from harness.licenses import Signer
from harness.loopback import LICENSE_ID, OTHER_LICENSE_ID, SLUG
from harness.oci import chart_of, flux_artifact, helm_push
from harness.packing import pack
from kotsapp.cli import main
from localworld.layout import VENDOR_REGISTRY
from localworld.registries.registries import Registries as LocalRegistries

URL = f"oci://{VENDOR_REGISTRY}/{SLUG}/pulled/my-chart"


@pytest.fixture(autouse=True)
def charts(local: LocalRegistries, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        helm_push(local, f"{VENDOR_REGISTRY}/{SLUG}/pulled", chart_of(version, {"v": version}), tmp_path)


def pull(local: LocalRegistries, signer: Signer, folder: Path, *words: str, license_id: str = LICENSE_ID) -> int:
    license = folder / "license.yaml"
    license.write_bytes(signer.sign(licenseID=license_id))
    given = ["--license", str(license), "--trusted-keys", str(signer.folder), "--registries", str(local.file)]
    return main(["pull", *given, "--to", str(folder / "to"), *words])


@pytest.mark.parametrize(
    ("words", "version"), [([], "1.1.0"), (["--version", "~1.0"], "1.0.0"), (["--version", "2.0.0-rc.1"], "2.0.0-rc.1")]
)
def test_a_chart_is_written_with_the_document_that_asks_for_it(
    local: LocalRegistries,
    signer: Signer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    version: str,
) -> None:
    assert pull(local, signer, tmp_path, URL, *words, "-o", "json") == 0
    captured = json.loads(capsys.readouterr().out)
    names = [f"my-chart-{version}.tgz", "my-chart-helmchart.yaml"]
    assert captured["files"] == [str(tmp_path / "to" / name) for name in names]
    assert captured["revision"].startswith(f"{version}@sha256:")
    document = yaml.safe_load((tmp_path / "to" / names[1]).read_text())
    assert document["spec"]["chart"] == {"name": "my-chart", "chartVersion": version}


def test_what_was_pulled_is_rendered(
    local: LocalRegistries,
    signer: Signer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    assert pull(local, signer, tmp_path, URL) == 0
    capsys.readouterr()
    given = ["--license", str(tmp_path / "license.yaml"), "--trusted-keys", str(signer.folder), "--no-secret"]
    assert main(["render", "-f", str(tmp_path / "to"), *given]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["v"] == "1.1.0"


def test_an_artifact_is_written_by_its_digest(
    local: LocalRegistries, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = pack({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
    digest = local.push_built("registry.k8s.io/folder:v1", flux_artifact(release))
    assert pull(local, signer, tmp_path, "oci://registry.k8s.io/folder", "--version", digest) == 0
    written = tmp_path / "to" / f"folder-{digest[7:19]}.tgz"
    assert str(written) in capsys.readouterr().out
    assert written.read_bytes() == release


def test_a_license_that_may_not_have_it_gets_nothing_and_is_in_no_message(
    local: LocalRegistries, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull(local, signer, tmp_path, URL, license_id=OTHER_LICENSE_ID) == 1
    captured = capsys.readouterr().err
    assert "it refuses the license; ask the vendor" in captured
    assert OTHER_LICENSE_ID not in captured
    assert not (tmp_path / "to").exists()


def test_a_url_that_is_none_is_bad_usage(
    local: LocalRegistries, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull(local, signer, tmp_path, "https://ghcr.io/shop") == 2
    assert "must begin with oci://" in capsys.readouterr().err

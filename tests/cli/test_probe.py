"""``kotsapp probe`` against real registries."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.charts import helm, pack_chart
from harness.loopback import LICENSE_ID, OTHER_LICENSE_ID, SLUG
from kotsapp.cli import main
from kotsapp.license.signing import SigningKeys, sign
from localworld.registries.registries import Registries as LocalRegistries

PRIVATE = "quay.io/my-org/api:v1.0.1"
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "api"},
    "spec": {"template": {"spec": {"containers": [{"name": "api", "image": PRIVATE}]}}},
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKeys, Path]:
    keys, folder = SigningKeys.generate(), tmp_path_factory.mktemp("keys")
    (folder / f"{keys.key_id}.pem").write_bytes(keys.trusted_pem)
    return keys, folder


def license_file(folder: Path, keys: SigningKeys, license_id: str) -> Path:
    spec: dict[str, Any] = {"licenseID": license_id, "appSlug": SLUG, "customerName": "Ada", "channelName": "Stable"}
    spec |= {"licenseType": "prod", "licenseSequence": 1}
    document = {"apiVersion": "kots.io/v1beta2", "kind": "License", "metadata": {"name": "ada"}, "spec": spec}
    file = folder / "license.yaml"
    file.write_bytes(sign(yaml.safe_dump(document).encode(), keys))
    return file


def probe(local: LocalRegistries, *words: str | Path) -> int:
    return main(["probe", "--registries", str(local.file), *map(str, words)])


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["images"]
    return images


def test_images_on_the_command_line(local: LocalRegistries, capsys: pytest.CaptureFixture[str]) -> None:
    code = probe(local, "-o", "json", PRIVATE, "busybox:1.36", PRIVATE)

    private, public = printed(capsys)
    assert code == 0
    assert list(private) == [
        "image", "verdict", "route", "pull", "httpStatus", "code", "message", "verified", "requests", "elapsed"
    ]  # fmt: skip
    assert (private["image"], private["verdict"], private["route"]) == (PRIVATE, "Private", "Proxy")
    assert private["pull"] is None  # nobody said which app it is
    assert (public["verdict"], public["route"], public["pull"]) == ("Public", "Direct", "busybox:1.36")
    assert public["httpStatus"] == 200
    assert 0 < public["elapsed"] < 10


def test_manifests_and_a_license(
    local: LocalRegistries, keys: tuple[SigningKeys, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "manifests"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "api.yaml").write_text(yaml.safe_dump(DEPLOYMENT))
    (folder / "notes.txt").write_text("image: no-manifest")
    license = license_file(tmp_path, keys[0], LICENSE_ID)

    code = probe(local, "-f", folder, "--license", license, "--trusted-keys", keys[1], "-o", "json")

    (image,) = printed(capsys)
    assert code == 0
    assert image["pull"] == f"proxy.replicated.com/proxy/{SLUG}/{PRIVATE}"
    assert (image["verdict"], image["verified"]) == ("Private", "True")


def test_a_release_with_a_chart_and_a_template_call(
    local: LocalRegistries, keys: tuple[SigningKeys, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web-1.0.0.tgz").write_bytes(pack_chart("web", {"templates/api.yaml": yaml.safe_dump(DEPLOYMENT)}))
    chart = {"chart": {"name": "web", "chartVersion": "1.0.0"}, "values": {}}
    document = {"apiVersion": "kots.io/v1beta1", "kind": "HelmChart", "metadata": {"name": "web"}, "spec": chart}
    (tmp_path / "chart.yaml").write_text(yaml.safe_dump(document))
    calling = DEPLOYMENT | {"metadata": {"name": "repl{{ LicenseFieldValue | lower }}"}}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(calling))
    license = license_file(tmp_path / "..", keys[0], LICENSE_ID)

    words = ("-f", tmp_path, "--license", license, "--trusted-keys", keys[1], "--helm", helm(), "-o", "json")
    refused = probe(local, *words)
    complaint = capsys.readouterr().err
    (tmp_path / "plain.yaml").unlink()
    code = probe(local, "-f", tmp_path, "--license", license, "--trusted-keys", keys[1], "--helm", helm(), "-o", "json")

    assert (refused, code) == (1, 0)
    assert "LicenseFieldValue" in complaint
    assert [image["image"] for image in printed(capsys)] == [PRIVATE]


def test_a_license_that_can_not_pull_is_a_problem(
    local: LocalRegistries, keys: tuple[SigningKeys, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    license = license_file(tmp_path, keys[0], OTHER_LICENSE_ID)

    code = probe(local, PRIVATE, "--license", license, "--trusted-keys", keys[1])

    shown = capsys.readouterr()
    assert code == 1
    assert "refused" in shown.out
    assert OTHER_LICENSE_ID not in shown.out + shown.err


def test_an_undecided_image_is_a_problem(local: LocalRegistries, capsys: pytest.CaptureFixture[str]) -> None:
    code = probe(local, "registry.k8s.io/pause:gone")

    heads, row = capsys.readouterr().out.splitlines()
    assert code == 1
    assert heads.split() == ["IMAGE", "VERDICT", "ROUTE", "HTTP", "MESSAGE"]
    assert row.split()[:4] == ["registry.k8s.io/pause:gone", "NotFound", "-", "404"]


def test_a_person_who_waits_sees_a_bar_and_a_pipe_does_not(local: LocalRegistries) -> None:
    images = [f"quay.io/my-org/app-{number}:v1" for number in range(20)]
    command = [sys.executable, "-m", "kotsapp", "probe", "--registries", str(local.file), "-o", "json", *images]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    terminal, end = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, env=environment) as process:
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: nobody holds the other end any more
            while piece := os.read(terminal, 4096):
                shown += piece
        found, _ = process.communicate(timeout=60)
    os.close(terminal)
    piped = subprocess.run(command, capture_output=True, env=environment, timeout=60)

    assert len(json.loads(found)["images"]) == 20
    assert b"20/20" in shown
    assert piped.stderr == b""


def test_an_application_names_the_domains(
    local: LocalRegistries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    application = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "Application",
        "metadata": {"name": "app"},
        "spec": {
            "proxyRegistryDomain": "images.vendor.invalid",
            "additionalImages": ["images.vendor.invalid/proxy/app/busybox:1.36", "busybox:1.36"],
        },
    }
    (tmp_path / "app.yaml").write_text(yaml.safe_dump(application))

    code = probe(local, "-f", tmp_path / "app.yaml", "-o", "json")

    assert code == 0
    assert [image["verdict"] for image in printed(capsys)] == ["Proxied", "Public"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "give images"),
        (["Not/An/Image"], "'Not/An/Image'"),
        (["-f", "/no/such/file"], "/no/such/file"),
        (["busybox", "--license", "/no/such/license"], "/no/such/license"),
        (["busybox", "--registries", "/no/such/registries"], "/no/such/registries"),
    ],
)
def test_bad_usage_is_one_line(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["probe", *words])

    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("kotsapp: ")
    assert named in error
    assert error.count("\n") == 1


def test_a_bad_reference_in_a_manifest_is_a_problem_and_named_with_who_uses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {"containers": [{"name": "c", "image": "Bad/Ref"}]},
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))

    assert main(["probe", "-f", str(tmp_path)]) == 1
    assert "Pod/one: 'Bad/Ref' is not an image reference" in capsys.readouterr().err


def test_a_broken_manifest_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("kind: [")

    assert main(["probe", "-f", str(tmp_path)]) == 1
    assert "bad.yaml" in capsys.readouterr().err


def test_a_file_is_not_taken_for_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("")

    assert main(["probe", "a.yaml"]) == 2
    assert "a.yaml is a file, not an image" in capsys.readouterr().err


def test_an_image_is_not_taken_for_a_file_of_its_name(
    local: LocalRegistries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "busybox:1.36").write_text("")

    assert probe(local, "busybox:1.36", "-o", "json") == 0
    assert [image["verdict"] for image in printed(capsys)] == ["Public"]


def test_what_looks_like_an_image_elsewhere_is_told_and_not_asked_for(
    local: LocalRegistries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = [{"name": "WORKER", "value": "quay.io/my-org/worker:v1"}]
    pod = {"containers": [{"name": "api", "image": "busybox:1.36", "env": env}]}
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump({**DEPLOYMENT, "spec": {"template": {"spec": pod}}}))

    assert probe(local, "-o", "json", "-f", file) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["image"] for one in found["images"]] == ["busybox:1.36"]
    (reported,) = found["unhandledImages"]
    path = "spec.template.spec.containers[name=api].env[name=WORKER].value"
    assert reported["imagePath"] == {"group": "apps", "kind": "Deployment", "path": path}

    assert probe(local, "-f", file) == 0
    assert f"to route it: --image-path 'apps/Deployment:{path}'" in capsys.readouterr().err

"""``kotsapp render``: what is refused or warned of, and how it is said."""

from pathlib import Path

import pytest

from harness.charts import pack_chart
from harness.licenses import LICENSE_ID, Signer
from harness.rendering import API, Render, deployment, images
from kotsapp.cli import main


def test_what_stands_in_the_way_is_said_in_one_line(render: Render, signer: Signer, tmp_path: Path) -> None:
    render.add("a.yaml", deployment("web", "No Image", API))
    render("--assume=private", code=1)
    assert render.errors.startswith("kotsapp: Deployment/web: 'No Image' is not an image reference")
    render.add("a.yaml", "a: [")
    render("--assume=private", code=1)
    assert render.errors.startswith(f"kotsapp: {render.manifests / 'a.yaml'}, document 1, line ")
    render.add("a.yaml", deployment("web", API))
    render.license.write_bytes(signer.sign(expires_at="2020-01-01T00:00:00Z"))
    render("--assume=private", code=1)
    assert "LicenseExpired" in render.errors
    render.license.write_bytes(signer.sign().replace(b"signature:", b"signatur:"))
    render("--assume=private", code=1)
    assert "LicenseUnsigned" in render.errors
    assert LICENSE_ID not in render.errors
    render.license.unlink()
    render("--assume=private", code=2)
    assert render.errors == f"kotsapp: {render.license}: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--kustomize"], "name it with --to"),
        (["--diff", "--to", "x"], "--diff prints"),
        (["--registries", "x", "--assume=public"], "--registries is for asking"),
        (["--diff", "-o", "json"], "-o json is for printing"),
        (["--verdicts", "/nowhere/x"], "/nowhere/x: No such file"),
        (["-f", "/nowhere/y", "--assume=public"], "/nowhere/y: No such file"),
    ],
)
def test_bad_usage(render: Render, words: list[str], problem: str) -> None:
    render.add("a.yaml", deployment("web", API))
    render(*words, code=2)
    assert problem in render.errors
    assert render.errors.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--proxy-domain", "https://images.example.com"],
        ["--registry-domain", "images"],
        ["--pull-secret", "My_Secret"],
        ["--timeout", "0"],
        ["--timeout", "soon"],
        ["--image-path", "Prometheus"],
        ["--image-path", "Prometheus:spec["],
        ["--assume", "hidden"],
    ],
)
def test_options_that_can_not_be_meant(render: Render, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        render("--assume=private", *words)
    assert ended.value.code == 2
    assert words[0] in render.capsys.readouterr().err


def test_a_folder_without_manifests_is_said(render: Render) -> None:
    render("--assume=public", code=2)
    assert "no manifests found" in render.errors


def test_an_image_that_no_runtime_takes_through_the_proxy_is_said(render: Render) -> None:
    render.add("a.yaml", deployment("web", "registry.example:5000/api:1"))
    _, web = render.objects("--assume=private")
    assert images(web) == ["proxy.replicated.com/proxy/my-kots-app/registry.example:5000/api:1"]
    assert "registry.example:5000/api:1 becomes proxy.replicated.com/" in render.errors
    assert "container runtimes refuse" in render.errors


def test_files_that_hold_nothing_are_a_problem(render: Render) -> None:
    render.add("empty.yaml", "# nothing")

    render(code=1)
    assert "empty.yaml: no Kubernetes object found" in render.errors
    assert main(["probe", "-f", str(render.manifests)]) == 1


def test_a_chart_that_no_document_asks_for_is_named(render: Render) -> None:
    (render.manifests / "shop.tgz").write_bytes(pack_chart("shop", {"templates/a.yaml": "a: b"}, "1.4.0"))

    render(code=1)
    assert "chart shop 1.4.0 is there, but no HelmChart document" in render.errors


def test_an_unpacked_chart_is_told_from_manifests(render: Render) -> None:
    render.add("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")

    render(code=2)
    assert f"{render.manifests}/shop is an unpacked chart, and KOTS reads packed ones: helm package" in render.errors


def test_an_unpacked_chart_in_a_hidden_folder_is_nobodys_concern(render: Render) -> None:
    render.add(".cache/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    render.add("app.yaml", deployment("web", "busybox:1"))

    assert len(render.objects("--assume", "public")) == 1


def test_a_path_at_which_no_image_is_found_is_told(render: Render) -> None:
    render.add("app.yaml", deployment("web", "busybox:1"))

    render("--assume", "public", "--image-path", "monitoring.coreos.com/Prometheus:spec.imag")
    assert "--image-path monitoring.coreos.com/Prometheus:spec.imag: no object has an image there" in render.errors


def test_what_a_kotsapp_names_in_a_registry_is_not_fetched_and_it_is_said_how_to_get_it(render: Render) -> None:
    items = [
        {"ociRef": {"url": "oci://ghcr.io/my-org/shop", "version": "1.x"}},
        {"ociRef": {"url": "oci://ghcr.io/my-org/more", "digest": "sha256:0a1b"}},
    ]
    spec = {"license": {"secretRef": {"name": "l"}}, "manifests": items}
    app = {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "shop"}, "spec": spec}
    render.add("app.yaml", app)
    render()
    assert "KotsApp/shop: spec.manifests[0] names oci://ghcr.io/my-org/shop, which is not looked into" in render.errors
    assert "kotsapp pull --license FILE oci://ghcr.io/my-org/shop --version '1.x'" in render.errors
    assert "oci://ghcr.io/my-org/more --version 'sha256:0a1b'" in render.errors

"""``kotsapp render``: the difference, files that are written, and the kustomize layout."""

import base64
from pathlib import Path

from harness.kustomize import by_identity, kustomize
from harness.licenses import LICENSE_ID
from harness.rendering import API, NAMESPACE, PROXIED, SECRET, Render, deployment, images
from kotsapp.cli import main
from kotsapp.manifests.documents import load


def test_the_difference_shows_what_changes_and_no_credential(render: Render) -> None:
    render.add(
        "a.yaml", deployment("web", API), deployment("same", "proxy.replicated.com/proxy/my-kots-app/x/y:1"), NAMESPACE
    )
    difference = render("--assume=private", "--diff", code=1)
    assert "+++ b/Deployment/web\n" in difference
    assert f"-        image: {API}\n" in difference
    assert f"+        image: {PROXIED}\n" in difference
    assert "Namespace" not in difference
    assert f"--- /dev/null\n+++ b/Secret/{SECRET}\n" in difference
    assert '".dockerconfigjson": "***"' in difference
    assert base64.b64encode(f"LICENSE_ID:{LICENSE_ID}".encode()).decode() not in difference


def test_nothing_to_change_is_no_difference(render: Render) -> None:
    render.add("a.yaml", deployment("web", "redis:7"))
    assert render("--assume=public", "--diff") == ""


def test_files_are_written_replaced_and_removed(render: Render, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "README.md").write_text("mine")
    (to / "own.yaml").write_text("a: 1\n")
    render.add("web.yaml", deployment("web", API))
    render.add("sub/old.yaml", deployment("old", "redis:7"))
    assert render("--assume=private", "--to", to) == ""
    assert sorted(path.name for path in to.iterdir()) == [
        "README.md",
        "own.yaml",
        "secret.yaml",
        "sub-old.yaml",
        "web.yaml",
    ]
    assert (to / "secret.yaml").stat().st_mode & 0o077 == 0
    (render.manifests / "sub" / "old.yaml").unlink()
    render("--assume=private", "--to", to, "--no-secret")
    assert sorted(path.name for path in to.iterdir()) == ["README.md", "own.yaml", "web.yaml"]
    assert images(load((to / "web.yaml").read_text(), "web.yaml")[0]) == [PROXIED]


def test_a_file_of_somebody_else_is_never_overwritten(render: Render, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "web.yaml").write_text("mine")
    render.add("web.yaml", deployment("web", API))
    render.add("a.yaml", deployment("a", API))
    render("--assume=private", "--to", to, code=2)
    assert f"{to / 'web.yaml'}: is there already and not from kotsapp render" in render.errors
    assert [path.name for path in to.iterdir()] == ["web.yaml"]
    assert (to / "web.yaml").read_text() == "mine"


def test_nothing_is_written_through_a_link(render: Render, tmp_path: Path) -> None:
    to, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    to.mkdir()
    elsewhere.mkdir()
    (to / "base").symlink_to(elsewhere)
    render.add("web.yaml", deployment("web", API))
    render("--assume=private", "--kustomize", "--to", to, code=2)
    assert "is a link" in render.errors
    assert list(elsewhere.iterdir()) == []


def test_pods_keep_what_an_account_of_the_manifests_carries(render: Render, tmp_path: Path) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}}
    web, elsewhere = deployment("web", API), deployment("web", API, namespace="jobs")
    for workload in (web, elsewhere):
        workload["spec"]["template"]["spec"]["serviceAccountName"] = "builder"
    render.add("a.yaml", account | {"imagePullSecrets": [{"name": "mirror"}]}, web, elsewhere)
    printed = render.objects("--assume", "private")
    render("--assume", "private", "--kustomize", "--to", tmp_path / "out")

    lists = [
        [entry["name"] for entry in obj["spec"]["template"]["spec"]["imagePullSecrets"]]
        for obj in printed
        if obj["kind"] == "Deployment"
    ]
    assert lists == [[SECRET, "mirror"], [SECRET]]
    assert by_identity(kustomize(tmp_path / "out")) == by_identity(printed)


def test_kustomize_gives_what_is_printed(render: Render, tmp_path: Path) -> None:
    render.add(
        "app.yaml", deployment("web", API, "redis:7"), deployment("b", "quay.io/my-org/api:v2", namespace="jobs")
    )
    render.add("more/app.yaml", deployment("c", "docker.io/library/redis"), NAMESPACE)
    printed = by_identity(render.objects("--assume=private"))
    render("--assume=private", "--kustomize", "--to", tmp_path / "out")
    assert render.errors == f"kotsapp: 6 files in {tmp_path / 'out'}\n"
    assert by_identity(kustomize(tmp_path / "out")) == printed
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.yaml"))
    assert written == [
        "base/app.yaml",
        "base/kustomization.yaml",
        "base/more-app.yaml",
        "overlays/midstream/kustomization.yaml",
        "overlays/midstream/pullsecrets.yaml",
        "overlays/midstream/secret.yaml",
    ]


def test_what_kustomize_can_not_say_is_said(render: Render, tmp_path: Path) -> None:
    render.add("app.yaml", deployment("web", "quay.io/o/api:v1", "quay.io/o/api:v2"))
    printed = by_identity(render.objects("--assume=private", "--exclude", "*:v2", "--no-secret"))
    render("--assume=private", "--exclude", "*:v2", "--no-secret", "--kustomize", "--to", tmp_path / "out")
    assert "kotsapp: quay.io/o/api: kustomize renames all of a repository, but quay.io/o/api:v2" in render.errors
    assert by_identity(kustomize(tmp_path / "out")) == printed


def test_an_object_twice_is_refused_for_kustomize(render: Render, tmp_path: Path) -> None:
    render.add("a.yaml", deployment("web", API), deployment("web", API))
    render("--assume=private", "--kustomize", "--to", tmp_path / "out", code=1)
    assert "Deployment/web is there twice" in render.errors


def test_files_are_given_with_or_without_a_flag(render: Render) -> None:
    render.add("a.yaml", deployment("web", API))
    trusted = ["--license", str(render.license), "--trusted-keys", str(render.signer.folder), "--assume=public"]

    assert main(["render", str(render.manifests), *trusted]) == 0
    assert render.capsys.readouterr().out == render("--assume=public")
    assert main(["render", *trusted]) == 2
    assert "give manifests, archives or folders" in render.capsys.readouterr().err

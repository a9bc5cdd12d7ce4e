"""``kotsapp render`` on files: what is printed, what is written, and what stands in the way."""

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.charts import EXAMPLE, helm, pack_chart, pack_folder
from harness.kustomize import by_identity, kustomize
from harness.licenses import LICENSE_ID, Signer
from harness.loopback import start_registries
from kotsapp.cli import main
from kotsapp.images.finder import find_images
from kotsapp.images.rewrite import ORIGINAL_IMAGES
from kotsapp.manifests.documents import load
from localworld.registries.registries import Registries as LocalRegistries

API = "quay.io/my-org/api:v1.0.1"
PROXIED = f"proxy.replicated.com/proxy/my-kots-app/{API}"
WORKER = "quay.io/my-org/worker:v1"
SECRET = "my-kots-app-registry"

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "jobs"}}


def deployment(name: str, *images: str, namespace: str | None = None) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


class Render:
    """Runs the command on a folder of manifests."""

    def __init__(self, folder: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.signer, self.capsys = folder, signer, capsys
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self.license = folder / "license.yaml"
        self.license.write_bytes(signer.sign())
        self.errors = ""

    def add(self, name: str, *objects: Any) -> None:
        file = self.manifests / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n---\n".join(json.dumps(obj) if isinstance(obj, dict) else obj for obj in objects))

    def __call__(self, *words: str | Path, code: int = 0) -> str:
        trusted = ["--license", str(self.license), "--trusted-keys", str(self.signer.folder)]
        assert main(["render", "-f", str(self.manifests), *trusted, *map(str, words)]) == code
        captured = self.capsys.readouterr()
        self.errors = captured.err
        return captured.out

    def objects(self, *words: str | Path) -> list[dict[str, Any]]:
        return load(self(*words), "kotsapp render")


@pytest.fixture
def render(tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> Render:
    return Render(tmp_path, signer, capsys)


def images(obj: dict[str, Any]) -> list[str]:
    return [container["image"] for container in obj["spec"]["template"]["spec"]["containers"]]


def test_private_images_go_through_the_proxy_with_the_secret_first(render: Render) -> None:
    render.add("b.yaml", deployment("web", API), NAMESPACE)
    render.add("a/c.yml", deployment("worker", API, namespace="jobs"))
    objects = render.objects("--assume", "private")
    assert [(obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")) for obj in objects] == [
        ("Namespace", "jobs", None),
        ("Secret", SECRET, None),
        ("Secret", SECRET, "jobs"),
        ("Deployment", "worker", "jobs"),
        ("Deployment", "web", None),
    ]
    web = objects[-1]
    assert images(web) == [PROXIED]
    assert web["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": SECRET}]
    assert json.loads(web["metadata"]["annotations"][ORIGINAL_IMAGES]) == {"c0": API}
    config = json.loads(base64.b64decode(objects[1]["data"][".dockerconfigjson"]))
    assert base64.b64decode(config["auths"]["proxy.replicated.com"]["auth"]) == f"LICENSE_ID:{LICENSE_ID}".encode()
    assert render.errors == ""


def test_what_looks_like_an_image_elsewhere_is_told_with_what_would_route_it(render: Render) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"worker": WORKER}}
    render.add("a.yaml", deployment("web", API), settings)
    *_, found, _ = sorted(render.objects("--assume", "private"), key=lambda obj: str(obj["kind"]))[:2]
    assert found["data"] == {"worker": WORKER}
    option = "ConfigMap:data.worker"
    assert f"ConfigMap/it, data.worker: {WORKER} looks like an image, and is left as it is" in render.errors
    assert f"--image-path '{option}'" in render.errors

    routed = render.objects("--assume", "private", "--image-path", option)
    assert [obj["data"] for obj in routed if obj["kind"] == "ConfigMap"] == [
        {"worker": f"proxy.replicated.com/proxy/my-kots-app/{WORKER}"}
    ]
    assert "looks like an image" not in render.errors
    assert f"{WORKER}: ConfigMap/it can't give its pods the pull secret" in render.errors


def test_of_many_that_look_like_images_the_first_are_named(render: Render) -> None:
    data = {f"image-{n}": f"quay.io/my-org/worker:{n}" for n in range(30)}
    render.add("a.yaml", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": data})
    render("--assume", "private")
    assert render.errors.count("looks like an image") == 10
    assert "20 more texts look like images" in render.errors


def test_the_license_may_come_on_standard_input(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    render.add("a.yaml", deployment("web", API))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(render.license.read_bytes())))
    render.license = Path("-")
    assert images(render.objects("--assume", "private")[-1]) == [PROXIED]


def test_public_images_are_left_and_need_no_secret(render: Render) -> None:
    render.add("a.yaml", deployment("web", "redis:7"))
    assert render.objects("--assume", "public") == [deployment("web", "redis:7")]


def test_how_many_nodes_there_are_is_given_or_warned_of(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "told"}, "data": {"n": "{{repl NodeCount }}"}}
    render.add("a.yaml", made)
    [obj] = render.objects("--nodes", "3")
    assert (obj["data"]["n"], render.errors) == ("3", "")
    [obj] = render.objects()
    assert obj["data"]["n"] == "0"
    assert "NodeCount, which is 0 here" in render.errors
    with pytest.raises(SystemExit):
        render("--nodes", "many")


def test_the_same_again_gives_the_same_text(render: Render) -> None:
    render.add("a.yaml", deployment("web", API, "redis:7"), deployment("b", API, namespace="jobs"))
    first = render("--assume", "private")
    render.add("a.yaml", first)
    again = render("--assume", "private", "--no-secret")
    assert first.endswith(again)


def test_json_is_a_list_for_kubectl(render: Render) -> None:
    render.add("a.yaml", deployment("web", API))
    printed = json.loads(render("--assume", "private", "-o", "json"))
    assert printed["kind"] == "List"
    assert [item["kind"] for item in printed["items"]] == ["Secret", "Deployment"]


def test_manifests_from_standard_input(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(deployment("web", API)).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    render.add("a.yaml", deployment("a", "redis:7"))
    assert [obj["metadata"]["name"] for obj in render.objects("--assume=public", "-f", "-")] == ["a", "web"]


def test_the_secret_goes_where_the_app_goes(render: Render) -> None:
    render.add("a.yaml", deployment("web", API), deployment("b", API, namespace="apps"))
    secrets = [obj for obj in render.objects("--assume=private", "-n", "apps") if obj["kind"] == "Secret"]
    assert [secret["metadata"] for secret in secrets] == [{"name": SECRET, "namespace": "apps"}]


def test_names_and_domains_of_ones_own(render: Render) -> None:
    render.add("a.yaml", deployment("web", API, "registry.replicated.com/my-kots-app/x:1"))
    words = ["--pull-secret", "pull", "--proxy-domain", "images.example.com", "--registry-domain", "reg.example.com"]
    secret, web = render.objects("--assume", "private", *words)
    assert images(web) == [f"images.example.com/proxy/my-kots-app/{API}", "reg.example.com/my-kots-app/x:1"]
    assert (
        web["spec"]["template"]["spec"]["imagePullSecrets"]
        == [{"name": "pull"}]
        == [{"name": secret["metadata"]["name"]}]
    )
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert list(config["auths"]) == ["images.example.com", "reg.example.com"]


def test_images_outside_pod_specs(render: Render) -> None:
    prometheus = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": "p"},
        "spec": {"image": API},
    }
    render.add("a.yaml", prometheus)
    _, found = render.objects("--assume=private", "--image-path", "monitoring.coreos.com/Prometheus:spec.image")
    assert found["spec"] == {"image": PROXIED, "imagePullSecrets": [{"name": SECRET}]}


def test_kots_documents_and_template_calls(render: Render) -> None:
    application = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "Application",
        "metadata": {"name": "a"},
        "spec": {"proxyRegistryDomain": "images.vendor.example"},
    }
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {
            "image": f'{{{{repl LocalImageName "{API}" }}}}',
            "secret": "repl{{ ImagePullSecretName }}",
            "namespace": "repl{{ Namespace }}",
        },
    }
    text = json.dumps(config).replace('\\"', '"').replace(f'"{API}"', f"`{API}`")
    render.add("a.yaml", application, text)
    secret, found = render.objects("--assume=private", "-n", "apps")
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", SECRET)
    assert found["data"] == {
        "image": f"images.vendor.example/proxy/my-kots-app/{API}",
        "secret": SECRET,
        "namespace": "apps",
    }


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


def test_a_namespace_is_for_all_that_names_none_and_can_be_in_one(render: Render) -> None:
    """So that what is piped into kubectl apply goes to one place, and not the secret alone."""
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    scoped = {"scope": "Cluster", "group": "example.invalid", "names": {"kind": "Farm"}}
    render.add(
        "a.yaml",
        deployment("web", API),
        deployment("worker", API, namespace="jobs"),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}},
        {"apiVersion": "example.invalid/v1", "kind": "Farm", "metadata": {"name": "farm"}},
        {"apiVersion": "other.invalid/v1", "kind": "Cow", "metadata": {"name": "cow"}},
        definition | {"metadata": {"name": "farms.example.invalid"}, "spec": scoped},
        NAMESPACE,
    )
    objects = render.objects("--assume=private", "-n", "shop")
    others = [obj for obj in objects if obj["kind"] != "Secret"]
    places = {(obj["kind"], obj["metadata"]["name"]): obj["metadata"].get("namespace") for obj in others}
    assert {name for name, place in places.items() if place == "shop"} == {
        ("Deployment", "web"),
        ("Service", "web"),
        ("Cow", "cow"),
    }
    assert sorted(o["metadata"]["namespace"] for o in objects if o["kind"] == "Secret") == ["jobs", "shop"]
    assert places["Deployment", "worker"] == "jobs"
    unplaced = {name for name, place in places.items() if place is None}
    assert {kind for kind, _ in unplaced} == {"ClusterRole", "Farm", "CustomResourceDefinition", "Namespace"}


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
    assert render.errors == ""
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


def verdicts(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "verdicts.json"
    file.write_text(json.dumps({"images": list(entries)}))
    return file


def test_earlier_verdicts_decide(render: Render, tmp_path: Path) -> None:
    render.add("a.yaml", deployment("web", API, "redis:7", "quay.io/o/hidden:1", "docker.io/busybox"))
    file = verdicts(
        tmp_path,
        {"image": API, "verdict": "Private", "route": "Proxy", "httpStatus": 401},
        {"image": "redis:7", "verdict": "Public", "route": "Direct"},
        {"image": "quay.io/o/hidden:1", "verdict": "NotFound", "route": "Proxy"},
        {"image": "docker.io/busybox", "verdict": "Unreachable", "route": None},
    )
    _, web = render.objects("--verdicts", file, "--assume", "public")
    hidden = "proxy.replicated.com/proxy/my-kots-app/quay.io/o/hidden:1"
    assert images(web) == [PROXIED, "redis:7", hidden, "docker.io/busybox"]
    render("--verdicts", file, code=1)
    assert "does not decide docker.io/busybox (Deployment/web); add --assume" in render.errors


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistries]:
    registries = start_registries(tmp_path_factory.mktemp("registries"))
    try:
        registries.allow_license(LICENSE_ID, slugs=["my-kots-app"])
        registries.push("busybox:1.36")
        registries.push(API)
        registries.push(PROXIED)
        yield registries
    finally:
        registries.stop()


def test_registries_are_asked(render: Render, local: LocalRegistries) -> None:
    render.add("a.yaml", deployment("web", API, "busybox:1.36"))
    _, web = render.objects("--registries", local.file)
    assert images(web) == [PROXIED, "busybox:1.36"]


def test_an_image_that_nothing_decides_is_named(render: Render, local: LocalRegistries) -> None:
    render.add("a.yaml", deployment("web", API, "busybox:no-such-tag"))
    assert render("--registries", local.file, code=1) == ""
    assert "nothing decides busybox:no-such-tag: " in render.errors
    assert "--assume" in render.errors
    assert API not in render.errors


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


def test_the_example_chart_is_rendered_and_patched(render: Render) -> None:
    (render.manifests / "my-shop-1.4.0.tgz").write_bytes(pack_folder(EXAMPLE / "my-shop"))
    (render.manifests / "helmchart.yaml").write_bytes((EXAMPLE / "helmchart.yaml").read_bytes())
    objects = render.objects("--assume=private", f"--helm={helm()}", "-n", "shops")
    used = [use.image for obj in objects for use in find_images(obj)]
    assert len(used) >= 4
    assert all(image.startswith("proxy.replicated.com/proxy/my-kots-app/") for image in used)
    render("--assume=private", "--helm=/nowhere/helm", code=1)
    assert "/nowhere/helm is not a program" in render.errors


def test_an_object_twice_is_refused_for_kustomize(render: Render, tmp_path: Path) -> None:
    render.add("a.yaml", deployment("web", API), deployment("web", API))
    render("--assume=private", "--kustomize", "--to", tmp_path / "out", code=1)
    assert "Deployment/web is there twice" in render.errors


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

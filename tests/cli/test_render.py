"""``kotsapp render`` on files: what is printed."""

import base64
import io
import json
import sys
from pathlib import Path

import pytest

from harness.charts import EXAMPLE, helm, pack_folder
from harness.licenses import LICENSE_ID
from harness.rendering import API, NAMESPACE, PROXIED, SECRET, Render, deployment, images
from kotsapp.images.finder import find_images
from kotsapp.images.rewrite import ORIGINAL_IMAGES

WORKER = "quay.io/my-org/worker:v1"


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


def test_the_example_chart_is_rendered_and_patched(render: Render) -> None:
    (render.manifests / "my-shop-1.4.0.tgz").write_bytes(pack_folder(EXAMPLE / "my-shop"))
    (render.manifests / "helmchart.yaml").write_bytes((EXAMPLE / "helmchart.yaml").read_bytes())
    objects = render.objects("--assume=private", f"--helm={helm()}", "-n", "shops")
    used = [use.image for obj in objects for use in find_images(obj)]
    assert len(used) >= 4
    assert all(image.startswith("proxy.replicated.com/proxy/my-kots-app/") for image in used)
    render("--assume=private", "--helm=/nowhere/helm", code=1)
    assert "/nowhere/helm is not a program" in render.errors

"""What kustomize makes of the layout is what the rewriting made: asked of the real kubectl."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.applications import SECRET, applications, decisions, workloads
from harness.examples import examples
from harness.kustomize import by_identity, kustomize, write
from kotsapp.images.rewrite import Pull
from kotsapp.manifests.documents import load
from kotsapp.render.kustomize import DuplicateObjectError, Layout, layout
from kotsapp.render.patched import find, patch

PROXY = "proxy.replicated.com/proxy/slug"
SECRET_OBJECT = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": SECRET},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {".dockerconfigjson": "e30="},
}


def check_equal(objects: list[dict[str, Any]], pulls: dict[str, Pull], folder: Path) -> Layout:
    patched = patch(find([("app.yaml", obj) for obj in objects]), pulls, SECRET)
    written = layout(patched, pulls, [SECRET_OBJECT])
    write(written, folder)
    expected = by_identity([SECRET_OBJECT, *(obj.after for obj in patched)])
    assert by_identity(kustomize(folder)) == expected
    return written


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_kustomize_gives_the_rewritten_objects(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    objects = data.draw(applications())
    check_equal(objects, data.draw(decisions(objects)), tmp_path_factory.mktemp("layout"))


def deployment(name: str, *images: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    template = {"spec": {"containers": containers, **spec}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template}}


def proxied(*images: str) -> dict[str, Pull]:
    return {image: Pull(f"{PROXY}/{image}", True) for image in images}


def overlay(written: Layout) -> dict[str, Any]:
    return load(written.files["overlays/midstream/kustomization.yaml"] + "metadata: {name: x}\n", "kustomization")[0]


def test_a_repository_whose_images_all_go_through_the_proxy_is_one_entry(tmp_path: Path) -> None:
    objects = [deployment("a", "quay.io/o/api:v1", "redis:7"), deployment("b", "quay.io/o/api:v2")]
    written = check_equal(
        objects, proxied("quay.io/o/api:v1", "quay.io/o/api:v2") | {"redis:7": Pull("redis:7", False)}, tmp_path
    )
    assert overlay(written)["images"] == [{"name": "quay.io/o/api", "newName": f"{PROXY}/quay.io/o/api"}]
    assert written.notes == ()
    assert overlay(written)["patches"] == [{"path": "pullsecrets.yaml"}]


def test_two_verdicts_in_one_repository_are_patched_one_by_one_and_said(tmp_path: Path) -> None:
    objects = [deployment("a", "quay.io/o/api:v1", "quay.io/o/api:v2")]
    written = check_equal(
        objects, proxied("quay.io/o/api:v1") | {"quay.io/o/api:v2": Pull("quay.io/o/api:v2", False)}, tmp_path
    )
    assert "images" not in overlay(written)
    (note,) = written.notes
    assert note.startswith("quay.io/o/api: ")
    assert "quay.io/o/api:v2" in note


def test_a_name_that_kustomize_reads_as_a_pattern_is_not_an_entry(tmp_path: Path) -> None:
    objects = [deployment("a", "quay.io/o/api:v1", "quay-io/o/api:v1")]
    pulls = proxied("quay.io/o/api:v1") | {"quay-io/o/api:v1": Pull("quay-io/o/api:v1", False)}
    written = check_equal(objects, pulls, tmp_path)
    assert "quay-io/o/api:v1" in written.notes[0]


def test_an_image_where_kustomize_never_looks_is_patched(tmp_path: Path) -> None:
    image = "quay.io/o/tool@sha512:" + "c" * 128
    volume = [{"name": "v", "image": {"reference": "quay.io/o/data:1"}}]
    template = {"template": {"spec": {"containers": [{"name": "a", "image": image}], "volumes": volume}}}
    debug = {"ephemeralContainers": [{"name": "e", "image": "quay.io/o/debug:1"}]}
    objects = [
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "c"},
            "spec": {"jobTemplate": {"spec": template}},
        },
        {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t"}, **template},
        {
            "apiVersion": "example.com/v1",
            "kind": "Box",
            "metadata": {"name": "b"},
            "spec": {"a": template, "b": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {"containers": [], "volumes": volume} | debug,
        },
    ]
    written = check_equal(objects, proxied(image, "quay.io/o/data:1", "quay.io/o/debug:1"), tmp_path)
    assert overlay(written)["images"] == [{"name": "quay.io/o/data", "newName": f"{PROXY}/quay.io/o/data"}]


def test_a_list_of_pull_secrets_keeps_its_order(tmp_path: Path) -> None:
    objects = [deployment("a", "quay.io/o/api:v1", imagePullSecrets=[{"name": "zeta"}, {"name": "alpha"}])]
    written = check_equal(objects, proxied("quay.io/o/api:v1"), tmp_path)
    rendered = by_identity(kustomize(tmp_path))["Deployment", "", "a"]
    secrets = rendered["spec"]["template"]["spec"]["imagePullSecrets"]
    assert [entry["name"] for entry in secrets] == ["zeta", "alpha", SECRET]
    assert written.notes == ()


def test_a_shape_that_kustomize_fails_at_leaves_no_entries(tmp_path: Path) -> None:
    odd = {"apiVersion": "example.com/v1", "kind": "Page", "metadata": {"name": "p"}, "spec": {"template": "<html>"}}
    written = check_equal([deployment("a", "quay.io/o/api:v1"), odd], proxied("quay.io/o/api:v1"), tmp_path)
    assert "images" not in overlay(written)
    assert "Page/p" in written.notes[0]


def test_an_object_without_a_name_goes_beside_the_layout(tmp_path: Path) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "migrate-"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "quay.io/o/api:v1"}]}}},
    }
    patched = patch(
        find([("app.yaml", job), ("app.yaml", deployment("a", "redis"))]), proxied("quay.io/o/api:v1"), SECRET
    )
    written = layout(patched, proxied("quay.io/o/api:v1"), [])
    write(written, tmp_path)
    assert [obj["kind"] for obj in kustomize(tmp_path)] == ["Deployment"]
    assert f"{PROXY}/quay.io/o/api:v1" in written.files["generate-name.yaml"]
    assert "Job/migrate-*" in written.notes[0]


def test_an_object_that_is_there_twice_is_refused_by_name() -> None:
    patched = patch(find([("a.yaml", deployment("a", "redis")), ("b.yaml", deployment("a", "redis"))]), {}, SECRET)
    with pytest.raises(DuplicateObjectError, match="Deployment/a is there twice"):
        layout(patched, {}, [])


def test_objects_of_one_name_in_two_namespaces_are_patched_apart(tmp_path: Path) -> None:
    objects = [
        deployment("a.b", "quay.io/o/api@sha512:" + "c" * 128),
        deployment("a.b", "redis"),
        deployment("axb", "redis"),
    ]
    objects[1]["metadata"]["namespace"] = "other"
    check_equal(objects, proxied("quay.io/o/api@sha512:" + "c" * 128), tmp_path)


@settings(max_examples=examples(100))
@given(data=st.data())
def test_the_same_input_gives_the_same_files(data: st.DataObject) -> None:
    objects = [data.draw(workloads())]
    pulls = data.draw(decisions(objects))
    patched = patch(find([("a.yaml", obj) for obj in objects]), pulls, SECRET)
    assert layout(patched, pulls, []).files == layout(patched, dict(reversed(pulls.items())), []).files

"""kustomize writes the names that it makes into KotsApps, in every field that names an object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness.gitops_page import repository
from harness.running import ROOT
from harness.shipped import kustomized

SHIPPED = yaml.safe_load((ROOT / "deploy/kustomize/references.yaml").read_text())["nameReference"]
CRD = yaml.safe_load((ROOT / "crds/kotsapps.kotsapp.dev.yaml").read_text())
SPEC = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
KINDS = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


def names_in(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Each field of the definition that names an object of another kind, with that kind."""
    for name, below in schema.get("properties", {}).items():
        if name in KINDS:
            yield KINDS[name], f"{path}/{name}/name"
        elif name == "serviceAccountName":
            yield "ServiceAccount", f"{path}/{name}"
        else:
            yield from names_in(below, f"{path}/{name}")
    if "items" in schema:
        yield from names_in(schema["items"], path)


def test_every_field_of_the_definition_that_names_an_object_is_known() -> None:
    reported = {(entry["kind"], spec["path"]) for entry in SHIPPED for spec in entry["fieldSpecs"]}
    assert reported == set(names_in(SPEC, "spec"))
    specs = [spec for entry in SHIPPED for spec in entry["fieldSpecs"]]
    assert {(spec["group"], spec["kind"]) for spec in specs} == {("kotsapp.dev", "KotsApp")}


def kotsapp(folder: Path) -> dict[str, Any]:
    (app,) = (obj for (kind, _, _), obj in kustomized(folder).items() if kind == "KotsApp")
    return app


def test_the_repository_of_the_page_names_what_was_generated(tmp_path: Path) -> None:
    app = repository(tmp_path, b"a license", "kind: ConfigMap")
    objects = kustomized(app)
    (generated,) = (name for kind, _, name in objects if kind == "ConfigMap")
    assert generated.startswith("app-manifests-")
    assert kotsapp(app)["spec"]["manifests"] == [{"configMapRef": {"name": generated}}]
    assert kotsapp(app)["spec"]["license"]["secretRef"]["name"] == "my-license"


def test_every_name_follows_what_it_names(tmp_path: Path) -> None:
    """A prefix changes all names: what still has an old one is a field that was forgotten."""
    (tmp_path / "component").mkdir()
    for file in (ROOT / "deploy/kustomize").iterdir():
        (tmp_path / "component" / file.name).write_text(file.read_text())
    spec = {
        "license": {"secretRef": {"name": "s"}},
        "serviceAccountName": "a",
        "manifests": [
            {"configMapRef": {"name": "c"}},
            {"secretRef": {"name": "s"}},
            {
                "ociRef": {"url": "oci://r.invalid/x", "secretRef": {"name": "s"}},
                "chart": {"valuesFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}]},
            },
        ],
        "config": {"valuesFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}]},
    }
    objects = [
        {"apiVersion": "kotsapp.dev/v1alpha1", "kind": "KotsApp", "metadata": {"name": "app"}, "spec": spec},
        *({"apiVersion": "v1", "kind": k, "metadata": {"name": n}} for k, n in (("ConfigMap", "c"), ("Secret", "s"))),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}},
    ]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "all.yaml").write_text(yaml.safe_dump_all(objects))
    kustomization = {"namePrefix": "p-", "resources": ["all.yaml"], "components": ["../component"]}
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))

    assert set(_names(kotsapp(mine)["spec"])) == {"p-c", "p-s", "p-a"}


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("name", "serviceAccountName"):
                yield item
            else:
                yield from _names(item)

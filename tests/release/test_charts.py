"""Helm charts: found, given their values, and rendered by the real helm."""

from __future__ import annotations

from typing import Any

import pytest

from harness.charts import EXAMPLE, pack_chart, pack_folder
from harness.demo_charts import CONFIG_MAP, chart_of, context, helm_chart, names, read, render
from kotsapp.images.finder import find_images
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.helm import Cluster
from kotsapp.release.reader import SourceFile, read_release


def test_the_example_chart_becomes_objects_in_helms_order() -> None:
    files = [
        SourceFile("helmchart.yaml", "helmchart.yaml", (EXAMPLE / "helmchart.yaml").read_bytes()),
        SourceFile("my-shop-1.4.0.tgz", "my-shop-1.4.0.tgz", pack_folder(EXAMPLE / "my-shop")),
    ]
    release = render(read_release(files, context))
    assert names(release) == [
        "ServiceAccount/shop-my-shop-migrate",
        "Job/shop-my-shop-migrate",
        "ConfigMap/shop-my-shop-config",
        "ConfigMap/shop-extra",
        "Service/shop-cache",
        "Service/shop-my-shop-api",
        "Deployment/shop-my-shop-api",
        "Deployment/shop-my-shop-web",
        "StatefulSet/shop-cache",
        "Job/shop-my-shop-announce",
    ]
    assert release.left_out == ("Pod/shop-my-shop-test (test)",)
    by_name = dict(zip(names(release), release.objects, strict=True))
    config = by_name["ConfigMap/shop-my-shop-config"]["data"]
    assert config == {"CUSTOMER": "Ann", "PUBLIC_URL": "https://shop.customer.example.com/shop"}
    assert by_name["ConfigMap/shop-extra"]["data"] == {"chart": "my-shop"}
    assert by_name["Deployment/shop-my-shop-api"]["spec"]["replicas"] == 1
    assert {use.image for obj in release.objects for use in find_images(dict(obj))} == {
        "quay.io/my-org/api:v1.0.1",
        "ghcr.io/my-org/web:v1.0.1",
        "busybox:1.36",
        "nginx:1.27",
    }


def test_the_clusters_own_versions_reach_the_chart() -> None:
    template = f"""{CONFIG_MAP}data:
  version: {{{{ .Capabilities.KubeVersion.Version }}}}
  monitors: "{{{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}}}"
  namespace: {{{{ .Release.Namespace }}}}
"""
    cluster = Cluster("v1.31.4", ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"))
    release = render(read(helm_chart(), chart_of(template)), cluster=cluster)
    assert release.objects[0]["data"] == {"version": "v1.31.4", "monitors": "true", "namespace": "apps"}


def test_values_of_an_item_replace_whole_fields_unless_merged_recursively() -> None:
    text = helm_chart(
        extra="""  values: {a: {x: 1, w: [1]}, b: {x: 1}, c: 1}
  optionalValues:
  - {when: "false", values: {c: 2}}
  - {when: "true", values: {a: {z: 1}}}
  - {when: true, recursiveMerge: true, values: {b: {w: 2, d: {e: 1}}}}
  - {when: "t", recursiveMerge: true, values: {a: {z: {f: 1}}, b: {d: {g: 2}}}}
"""
    )
    [request] = read(text, pack_chart("demo", {})).charts
    assert request.values == {"a": {"z": {"f": 1}}, "b": {"x": 1, "w": 2, "d": {"e": 1, "g": 2}}, "c": 1}


@pytest.mark.parametrize("recursive", ["true", "false"])
def test_the_same_document_gives_the_same_values_twice(recursive: str) -> None:
    text = helm_chart(
        extra=f"""  values: {{a: {{x: 1}}}}
  optionalValues:
  - {{when: "true", recursiveMerge: {recursive}, values: {{a: {{y: {{z: 1}}}}}}}}
  - {{when: "true", recursiveMerge: true, values: {{a: {{y: {{w: 2}}}}}}}}
"""
    )
    release = read(text, pack_chart("demo", {}))
    assert release.charts[0].values == read(text, pack_chart("demo", {})).charts[0].values


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ("  values: [1]\n", "spec.values of HelmChart/demo is not a mapping"),
        ("  optionalValues: {}\n", "spec.optionalValues of HelmChart/demo is not a list"),
        ("  optionalValues: [1]\n", "spec.optionalValues[0] of HelmChart/demo is not a mapping"),
        ("  optionalValues: [{values: {}}]\n", 'spec.optionalValues[0].when of HelmChart/demo is empty: write "true"'),
        ("  optionalValues: [{when: maybe}]\n", "spec.optionalValues[0].when of HelmChart/demo is 'maybe'"),
        ("  exclude: perhaps\n", "spec.exclude of HelmChart/demo is 'perhaps'"),
        ("  namespace: 5\n", "spec.namespace of HelmChart/demo is not a string"),
        ("  values: {x: 'repl{{ KubeSeal `x` }}'}\n", "the template call 'KubeSeal `x`' can't be filled in"),
    ],
)
def test_a_wrong_field_is_named(extra: str, problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(helm_chart(extra=extra), pack_chart("demo", {}))
    assert problem in str(caught.value)
    assert str(caught.value).startswith("ConfigMap m, key chart.yaml, document 1")


def test_the_archive_must_have_the_charts_name_and_version() -> None:
    with pytest.raises(ManifestError, match=r"HelmChart/demo wants chart 'demo' '1.0.0'; charts .*: demo 2.0.0"):
        read(helm_chart(), pack_chart("demo", {}, version="2.0.0"))
    with pytest.raises(ManifestError, match=r"charts in the release: none\. Put its \.tgz beside it"):
        read(helm_chart())


def test_an_excluded_chart_is_left_out_whatever_its_values_hold() -> None:
    release = read(helm_chart(extra="  exclude: 'true'\n  values: {x: 'repl{{ ConfigOption `x` }}'}\n"))
    assert release.charts == ()
    assert release.left_out == ("HelmChart/demo",)


def test_v2_charts_are_rendered_unless_they_are_left_to_others() -> None:
    text, archive = helm_chart("v1beta2"), pack_chart("demo", {})
    release = read(text, archive)
    assert release.unpatched_charts == ()
    assert [(request.release_name, request.archive.version) for request in release.charts] == [("rel", "1.0.0")]
    skipped = read(text, archive, patch_helm_v2=False)
    assert (skipped.charts, skipped.unpatched_charts) == ((), ("HelmChart/demo",))
    assert skipped.is_empty, "a release that nobody here installs is not installed"
    assert "HelmChart/demo, which v2Charts: Skip leaves to others" in skipped.nothing_found(())


def test_a_release_is_named_as_its_version_of_the_document_says() -> None:
    archive = pack_chart("demo", {})
    v1 = helm_chart(name="mine").replace("\n    releaseName: rel", "")
    v2 = helm_chart("v1beta2", name="mine").replace("\n  releaseName: rel", "")
    assert [request.release_name for request in read(v1, archive).charts] == ["mine"]
    assert [request.release_name for request in read(v2, archive).charts] == ["demo"]


@pytest.mark.parametrize("options", [{}, {"patch_helm_v2": False}], ids=["patched", "skipped"])
def test_a_v1_chart_is_dropped_only_where_a_v2_chart_has_the_same_release(options: dict[str, Any]) -> None:
    archive = pack_chart("demo", {})
    v1, v2 = helm_chart(name="one"), helm_chart("v1beta2", name="two")
    for text in (f"{v1}---\n{v2}", f"{v2}---\n{v1}"):
        both = read(text, archive, **options)
        assert both.left_out == ("HelmChart/one (a v1beta2 HelmChart has its release)",)
        assert len(both.charts) + len(both.unpatched_charts) == 1
    other = read(f"{v1}---\n{v2.replace('releaseName: rel', 'releaseName: other')}", archive, **options)
    assert not other.left_out
    excluded = read(f"{v1}---\n{v2}  exclude: true\n", archive, **options)
    assert excluded.left_out == ("HelmChart/two",)
    assert [request.release_name for request in excluded.charts] == ["rel"]


def test_a_v2_chart_that_is_not_patched_may_hold_any_call() -> None:
    text = helm_chart("v1beta2", extra="  values: {x: 'repl{{ ConfigOption `x` }}'}\n")
    assert read(text, patch_helm_v2=False).unpatched_charts == ("HelmChart/demo",)


def test_objects_get_the_charts_namespace_and_cluster_scoped_ones_none() -> None:
    template = f"""{CONFIG_MAP}---
apiVersion: v1
kind: Secret
metadata: {{name: s, namespace: own}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: r}}
"""
    release = render(read(helm_chart(extra="  namespace: elsewhere\n"), chart_of(template)))
    assert {obj["kind"]: obj["metadata"].get("namespace") for obj in release.objects} == {
        "ConfigMap": "elsewhere",
        "Secret": "own",
        "ClusterRole": None,
    }


def test_definitions_in_the_crds_folder_are_among_the_objects() -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.example.com}\n"
    release = render(read(helm_chart(), chart_of(CONFIG_MAP, **{"crds/a.yaml": crd})))
    assert sorted(names(release)) == ["ConfigMap/rel", "CustomResourceDefinition/a.example.com"]

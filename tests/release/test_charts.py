"""Helm charts: found, given their values, rendered by the real helm, and their hooks sorted out."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from harness.charts import EXAMPLE, helm, pack_chart, pack_folder
from kotsapp.images.finder import find_images
from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import archives, chart_output, charts, helm_process
from kotsapp.release import helm as runner
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.chart_output import Hook
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.context import TemplateContext
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.helm import Cluster
from kotsapp.release.reader import Release, SourceFile, read_release

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"


def context(_: object) -> TemplateContext:
    return TemplateContext({"customerName": "Ann", "licenseID": "the-id"}, "ZG9ja2Vy", "pull", "apps", Domains())


def helm_chart(version: str = "v1beta1", name: str = "demo", extra: str = "") -> str:
    release = "" if version == "v1beta2" else "\n    releaseName: rel"
    top = "\n  releaseName: rel" if version == "v1beta2" else ""
    return f"""apiVersion: kots.io/{version}
kind: HelmChart
metadata: {{name: {name}}}
spec:{top}
  chart:
    name: demo
    chartVersion: 1.0.0{release}
{extra}"""


def read(helm_chart: str, archive: bytes | None = None, **options: Any) -> Release:
    files = [SourceFile("ConfigMap m, key chart.yaml", "chart.yaml", helm_chart.encode())]
    if archive is not None:
        files.append(SourceFile("ConfigMap m, key demo.tgz", "demo.tgz", archive))
    return read_release(files, context, **options)


def render(release: Release, namespace: str = "apps", **options: Any) -> Release:
    outputs = runner.render_all(release.charts, helm(), namespace, **options)
    return with_charts(release, outputs)


def names(release: Release) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in release.objects]


def chart_of(template: str, **files: str) -> bytes:
    return pack_chart("demo", {"templates/all.yaml": template, **files})


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


def hook(name: str, events: str, weight: str = "0", kind: str = "batch/v1\nkind: Job") -> str:
    annotations = f'{{helm.sh/hook: "{events}", helm.sh/hook-weight: "{weight}"}}'
    metadata = f"metadata:\n  name: {name}\n  annotations: {annotations}\n"
    return f"apiVersion: {kind}\n{metadata}spec: {{ttlSecondsAfterFinished: 5}}\n"


def test_hooks_stand_in_helms_order_and_the_others_between() -> None:
    template = "---\n".join(
        [
            hook("late", "post-install", "5"),
            hook("after", "post-install,post-upgrade"),
            CONFIG_MAP,
            hook("before", "pre-install", "3"),
            hook("first", "pre-install, pre-upgrade", "-5"),
            hook("t", "test"),
            hook("t2", "test-success"),
            hook("gone", "pre-delete,post-delete,pre-rollback"),
            hook("both", "pre-install,test", "not a number"),
        ]
    )
    release = render(read(helm_chart(), chart_of(template)))
    assert names(release) == ["Job/first", "Job/both", "Job/before", "ConfigMap/rel", "Job/after", "Job/late"]
    assert sorted(release.left_out) == [
        "Job/gone (post-delete, pre-delete, pre-rollback)",
        "Job/t (test)",
        "Job/t2 (test-success)",
    ]
    assert chart_output.hook_of(release.objects[0]) == Hook(before=True, weight=-5)
    assert chart_output.hook_of(release.objects[3]) is None
    assert chart_output.hook_of(release.objects[5]) == Hook(before=False, weight=5)


def test_a_hook_that_runs_is_made_anew_when_it_changes_and_not_run_again_by_itself() -> None:
    release = render(read(helm_chart(), chart_of(hook("a", "pre-install"))))
    assert release.objects[0]["metadata"]["annotations"]["kotsapp.dev/force"] == "enabled"
    assert release.objects[0]["spec"] == {}


def test_a_hook_that_helm_does_not_know_is_refused_by_name_unless_excluded() -> None:
    text = hook("a", "pre-everything")
    [request] = read(helm_chart(), pack_chart("demo", {})).charts
    with pytest.raises(ManifestError, match=r"chart demo 1.0.0 \(release rel\).*: Job/a is a hook that Helm does not"):
        chart_output.rendered(request, text)

    text = text.replace("annotations: {", 'annotations: {kots.io/exclude: "true", ')
    assert chart_output.rendered(request, text) == ([], ["Job/a"], [])


def test_what_helm_says_is_told_without_secrets_and_without_the_folder() -> None:
    template = '{{ fail (printf "bad %s" .Values.id) }}'
    with pytest.raises(HelmError) as caught:
        render(
            read(helm_chart(extra="  values: {id: 'repl{{ LicenseFieldValue `licenseID` }}'}\n"), chart_of(template))
        )
    assert "chart demo 1.0.0 (release rel): " in str(caught.value)
    assert "bad ***" in str(caught.value)
    assert "the-id" not in str(caught.value)
    assert "kotsapp-helm-" not in str(caught.value)
    assert "--debug" not in str(caught.value), "that is no flag of ours"
    assert "\n" not in str(caught.value)


def test_values_are_held_against_the_charts_schema() -> None:
    schema = '{"type": "object", "properties": {"count": {"type": "integer"}}}'
    archive = chart_of(CONFIG_MAP, **{"values.schema.json": schema})
    with pytest.raises(HelmError, match="want integer"):
        render(read(helm_chart(extra="  values: {count: x}\n"), archive))


def test_a_schema_that_points_elsewhere_is_not_fetched() -> None:
    schema = '{"type": "object", "properties": {"count": {"$ref": "http://127.0.0.1:9/schema.json"}}}'
    release = read(helm_chart(extra="  values: {count: x}\n"), chart_of(CONFIG_MAP, **{"values.schema.json": schema}))
    assert release.charts[0].archive.outer_schema
    assert names(render(release)) == ["ConfigMap/rel"]


BOMBS = {
    "time": ("{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}", 3.0, "helm took longer than 3 s"),
    "memory": ("a: {{ len (until 500000000) }}", 60.0, "helm ran out of memory"),
    "output": (
        '{{ range until 110 }}\n# {{ . }}: {{ repeat 100000 "x" }}{{ end }}',
        60.0,
        "helm wrote more than 10 MiB",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_chart_that_does_not_end_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    template, timeout, problem = BOMBS[name]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    [request] = read(helm_chart(), chart_of(template)).charts
    with pytest.raises(HelmError) as caught:
        runner.render(request, helm(), "apps", timeout=timeout)
    assert problem in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_helm_sees_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_KUBETOKEN", "user-token")
    monkeypatch.setenv("KUBECONFIG", os.devnull)
    seen = helm_process._environment(Path("/folder"))
    assert not any("user-token" in value or os.devnull in value for value in seen.values())
    assert "PATH" not in seen


@pytest.mark.parametrize(
    ("name", "namespace", "problem"),
    [
        ("--post-renderer", "", "the release name '--post-renderer' is not"),
        ("a" * 54, "", "53 at most"),
        ("UPPER", "", "the release name 'UPPER'"),
        ("rel", "--kubeconfig=x", "the namespace '--kubeconfig=x' can't be one"),
    ],
)
def test_names_that_are_options_to_helm_are_refused(name: str, namespace: str, problem: str) -> None:
    archive = ChartArchive("demo", "1.0.0", "x", pack_chart("demo", {}))
    request = ChartRequest(archive, name, namespace, {}, Place("HelmChart x"))
    with pytest.raises(ManifestError, match=problem):
        runner.render(request, helm(), "apps")


def test_without_helm_it_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HelmMissingError, match="there is no helm on PATH: install it or give its path"):
        helm_process.find_program()
    with pytest.raises(HelmMissingError, match="/nowhere/helm is not a program"):
        helm_process.find_program("/nowhere/helm")
    assert helm_process.find_program(str(helm())) == helm()


def test_a_chart_that_is_none_for_helm_is_told() -> None:
    [request] = read(helm_chart(), chart_of("{{ nonsense }}")).charts
    with pytest.raises(HelmError, match='function "nonsense" not defined'):
        runner.render(request, helm(), "apps")


def test_output_that_is_no_object_is_refused_by_the_charts_name() -> None:
    with pytest.raises(
        ManifestError, match=r"^chart demo 1.0.0 \(release rel\), document 1, line 3: the object .* no kind"
    ):
        render(read(helm_chart(), chart_of("a: 1\n")))


def archive_of(template: str, *, inside: str = "", version: str = "1.0.0", hour: int = 0) -> ChartArchive:
    """The chart as it is read; ``inside`` is a template of its packed subchart, ``hour`` when it was packed."""
    inner = pack_chart("inner", {"templates/a.yaml": inside})
    target = io.BytesIO()
    files = {
        "demo/Chart.yaml": f"name: demo\nversion: {version}\napiVersion: v2\n".encode(),
        "demo/templates/a.yaml": template.encode(),
        "demo/README.md": b"what it can lookup",
        "demo/charts/inner-1.0.0.tgz": gzip.compress(gzip.decompress(inner), mtime=hour * 3600),
    }
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(data), hour * 3600
            archive.addfile(info, io.BytesIO(data))
    data = gzip.compress(target.getvalue(), mtime=hour * 3600)
    found = charts.read_archive(archives.unpack(data, "demo.tgz"), data, "demo.tgz")
    assert found is not None
    return found


def test_a_chart_that_is_packed_anew_is_the_same_chart() -> None:
    first, again = archive_of("a"), archive_of("a", hour=1)

    assert first.data != again.data
    assert first.digest == again.digest
    others = (archive_of("b"), archive_of("a", inside="b"), archive_of("a", version="1.1.0"))
    assert len({first.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(
    ("chart", "asks"),
    [
        (archive_of("{{ lookup `v1` `Secret` `` `` }}"), True),
        (archive_of("", inside="{{ (lookup `v1` `Secret` `` ``).items }}"), True),
        (archive_of("{{ .Values.dnsLookups }}"), False),
    ],
    ids=["its own", "of a packed subchart", "no word of its own"],
)
def test_a_chart_that_may_ask_the_cluster_is_told(chart: ChartArchive, asks: bool) -> None:
    assert chart.looks_up == asks
    assert ChartRequest(chart, "rel", "", {}, Place("x")).looks_up == asks
    assert ChartRequest(chart, "rel", "", {"tpl": "{{ lookup }}"}, Place("x")).looks_up

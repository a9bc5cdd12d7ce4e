"""A release's files, sorted into what is applied, what is reported and what is left out."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.images.routing import Domains
from kotsapp.manifests import limits
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.context import TemplateContext
from kotsapp.release.kots import Application
from kotsapp.release.reader import Release, SourceFile, read_release


def context(application: Application) -> TemplateContext:
    domains = Domains(application.proxy_domain or "proxy.replicated.com")
    return TemplateContext({"customerName": "Ann"}, "ZG9ja2Vy", "pull", "apps", domains)


def read(*texts: str | bytes, **options: Any) -> Release:
    files = [
        SourceFile(f"file {index}", f"{index}.yaml", text if isinstance(text, bytes) else text.encode())
        for index, text in enumerate(texts)
    ]
    return read_release(files, context, **options)


def config_map(name: str, annotations: str = "{}", data: str = "{}") -> str:
    metadata = f"metadata:\n  name: {name}\n  annotations: {annotations}\n"
    return f"apiVersion: v1\nkind: ConfigMap\n{metadata}data: {data}\n"


def names(release: Release) -> list[str]:
    return [obj["metadata"]["name"] for obj in release.objects]


def test_objects_keep_the_order_of_their_files_and_know_them() -> None:
    release = read(f"{config_map('b')}---\n{config_map('a')}", config_map("c"))
    assert names(release) == ["b", "a", "c"]
    assert release.sources == ("0.yaml", "0.yaml", "1.yaml")


@pytest.mark.parametrize(
    ("annotations", "kept"),
    [
        ("{}", True),
        ("null", True),
        ('{kots.io/exclude: "true"}', False),
        ('{kots.io/exclude: "1"}', False),
        ("{kots.io/exclude: true}", False),
        ('{kots.io/exclude: "false"}', True),
        ('{kots.io/when: "true"}', True),
        ('{kots.io/when: "False"}', False),
        ("{kots.io/when: false}", False),
        ('{kots.io/when: "true", kots.io/exclude: "true"}', False),
        ("{kots.io/when: 'repl{{ HasLocalRegistry }}'}", False),
    ],
)
def test_annotations_say_what_is_applied(annotations: str, kept: bool) -> None:
    release = read(config_map("a", annotations))
    assert (names(release), release.left_out) == ((["a"], ()) if kept else ([], ("ConfigMap/a",)))


@pytest.mark.parametrize("name", ["kots.io/exclude", "kots.io/when"])
@pytest.mark.parametrize(("value", "found"), [("maybe", "'maybe'"), ('""', "''"), ("2", "int"), ("[]", "list")])
def test_an_annotation_that_is_no_boolean_is_refused_by_the_objects_name(name: str, value: str, found: str) -> None:
    with pytest.raises(
        ManifestError, match=rf"file 0, document 1, line 1: the annotation {name} of ConfigMap/a is {found}"
    ):
        read(config_map("a", f"{{{name}: {value}}}"))


def test_an_excluded_object_may_hold_any_call() -> None:
    release = read(config_map("a", '{kots.io/exclude: "true"}', "{x: 'repl{{ ConfigOption `x` }}'}"))
    assert release.left_out == ("ConfigMap/a",)


APPLICATION = """apiVersion: kots.io/v1beta1
kind: Application
metadata: {name: app}
spec:
  proxyRegistryDomain: images.example.com
  replicatedRegistryDomain: registry.example.com
  proxyPublicImages: true
  additionalImages: [quay.io/my-org/tool:1, "busybox"]
  statusInformers:
  - '{{repl if ConfigOptionEquals "x" "1" }}deployment/x{{repl end }}'
"""


def test_the_application_is_heard_and_not_applied() -> None:
    release = read(config_map("a", data="{x: 'repl{{ ReplicatedProxyDomain }}'}"), APPLICATION)
    assert release.proxy_domain == "images.example.com"
    assert release.registry_domain == "registry.example.com"
    assert release.proxy_public_images is True
    assert release.reported_images == {
        "quay.io/my-org/tool:1": ("Application/app",),
        "busybox": ("Application/app",),
    }
    assert names(release) == ["a"]
    assert release.objects[0]["data"] == {"x": "images.example.com"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("images.example.com", "https://images.example.com", "spec.proxyRegistryDomain of Application/app is 'https"),
        ("images.example.com", "5", "spec.proxyRegistryDomain of Application/app is not a string"),
        ("registry.example.com", "a/b", "spec.replicatedRegistryDomain of Application/app is 'a/b'"),
        ("proxyPublicImages: true", "proxyPublicImages: maybe", "spec.proxyPublicImages of Application/app is 'maybe'"),
        ('[quay.io/my-org/tool:1, "busybox"]', "5", "spec.additionalImages of Application/app is not a list"),
        (
            "images.example.com",
            "'repl{{ ConfigOption `x` }}'",
            "the template call 'ConfigOption `x`' can't be filled in",
        ),
    ],
)
def test_a_wrong_field_of_the_application_is_named(old: str, new: str, problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(APPLICATION.replace(old, new))
    assert problem in str(caught.value)


def test_documents_for_other_tools_are_not_applied_and_their_images_are_reported() -> None:
    release = read(
        """apiVersion: troubleshoot.sh/v1beta2
kind: SupportBundle
metadata: {name: support}
spec:
  collectors:
  - run: {image: run:1}
  - runPod: {podSpec: {initContainers: [{image: init:1}], containers: [{image: pod:1}, {image: pod:1}]}}
  - runDaemonSet: {podSpec: {containers: [{image: daemon:1}]}}
  - copyFromHost: {image: host:1, hostPath: /x}
  - sysctl: {image: sysctl:1}
  - collectd: {image: collectd:1}
  - logs: {image: not-an-image}
  - run: {image: 'repl{{ ConfigOption `x` }}'}
  - run: null
  - text
""",
        "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: pre}\n"
        "spec: {collectors: [{run: {image: run:1}}]}\n",
        "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec: {x: 'repl{{ ConfigOption `x` }}'}\n",
        "apiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: k}\n",
        "apiVersion: kots.io/v1beta1\nkind: License\nmetadata: {name: l}\n",
        "apiVersion: apps.example.com/v1\nkind: Application\nmetadata: {name: own}\n",
    )
    assert names(release) == ["own"]
    assert release.reported_images == {
        "run:1": ("SupportBundle/support", "Preflight/pre"),
        "init:1": ("SupportBundle/support",),
        "pod:1": ("SupportBundle/support",),
        "daemon:1": ("SupportBundle/support",),
        "host:1": ("SupportBundle/support",),
        "sysctl:1": ("SupportBundle/support",),
        "collectd:1": ("SupportBundle/support",),
    }


@pytest.mark.parametrize("spec", ["null", "[]", "5", "{collectors: 5}", "{collectors: {run: {image: a}}}"])
def test_odd_support_documents_are_no_error(spec: str) -> None:
    text = f"apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nmetadata: {{name: s}}\nspec: {spec}\n"
    assert read(text).reported_images == {}


def test_images_that_calls_ask_for_are_told() -> None:
    text = config_map("a", data="{x: 'repl{{ LocalImageName `quay.io/a/b:1` }}', z: 'repl{{ LocalImageName `c` }}'}")
    release = read(text)
    assert release.local_images == ("quay.io/a/b:1", "c")
    assert release.objects[0]["data"] == {"x": "quay.io/a/b:1", "z": "c"}


def test_a_release_archive_is_read_like_its_files() -> None:
    archive = pack(
        {
            "release/b.yaml": config_map("b").encode(),
            "release/a.yml": config_map("a", data="{x: 'repl{{ Namespace }}'}").encode(),
            "release/readme.md": b"# not: [yaml",
            "release/chart.yaml": b"apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {name: c}\n"
            b"spec: {chart: {name: demo, chartVersion: 1.0.0}}\n",
            "release/demo-1.0.0.tgz": pack_chart("demo", {}),
        }
    )
    release = read_release([SourceFile("Secret s, key release", "release", archive)], context)
    assert names(release) == ["a", "b"]
    assert release.sources == ("release/a.yml", "release/b.yaml")
    assert release.objects[0]["data"] == {"x": "apps"}
    assert [(request.archive.name, request.release_name) for request in release.charts] == [("demo", "c")]


def test_an_error_in_an_archive_names_the_file_in_it() -> None:
    archive = pack({"release/a.yaml": b"a: [\n"})
    with pytest.raises(ManifestError, match=r"^Secret s, key r.tgz, release/a.yaml, document 1, line 2: is not YAML"):
        read_release([SourceFile("Secret s, key r.tgz", "r.tgz", archive)], context)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"r/inner.tgz": pack({"x/a.yaml": b""})}, "r/inner.tgz: is an archive in an archive, and no Helm chart"),
        ({"r/chart/Chart.yaml": b"name: x\n", "r/a.yaml": b""}, "r/chart/Chart.yaml: is an unpacked chart"),
        ({"r/c.tgz": pack({"c/Chart.yaml": b"name: x\n"})}, "c/Chart.yaml: has no name and version as text"),
        ({"r/c.tgz": pack({"c/Chart.yaml": b"- x\n"})}, "is a list, not a mapping"),
        ({"r/c.tgz": b"garbage"}, "r/c.tgz: is not a gzipped tar archive"),
    ],
)
def test_what_an_archive_may_not_hold_is_named(files: dict[str, bytes], problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_release([SourceFile("Secret s, key r.tgz", "r.tgz", pack(files))], context)
    assert problem in str(caught.value)


def test_a_chart_in_a_chart_may_not_be_a_bomb() -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        info = tarfile.TarInfo("sub/values.yaml")
        info.size = limits.MAX_ARCHIVE_BYTES + 1
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    chart = pack({"demo/Chart.yaml": b"name: demo\nversion: 1.0.0\n", "demo/charts/sub.tgz": inner.getvalue()})
    with pytest.raises(ManifestError, match="unpacks to more than 64 MiB"):
        read_release([SourceFile("Secret s, key demo.tgz", "demo.tgz", chart)], context)


def test_a_source_does_not_show_its_content() -> None:
    assert "hunter2" not in repr(SourceFile("Secret s, key a", "a", b"password: hunter2"))

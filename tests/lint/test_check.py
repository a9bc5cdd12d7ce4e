"""``kotsapp lint`` on releases: what is found, where, and how bad it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.charts import helm, pack_chart, pack_folder
from kotsapp.lint.check import check
from kotsapp.lint.findings import RULES, Finding, Level, Report
from kotsapp.release.config_values import Answers
from kotsapp.release.errors import HelmMissingError
from kotsapp.release.files import SourceFile

RELEASES = Path(__file__).parents[1] / "release" / "data" / "releases"
CONFIG = """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: shop
    items:
    - name: hostname
      type: text
      required: true
    - name: url
      type: text
      default: https://repl{{ ConfigOption "hostname" }}
    - name: replicas
      type: text
      default: "2"
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  template:
    spec:
      containers:
      - name: main
        image: {image}
"""


def deployment(name: str = "web", image: str = "quay.io/my-org/web:v1", replicas: str = "1") -> str:
    return DEPLOYMENT.format(name=name, image=image, replicas=replicas)


Lint = Callable[..., Report]


def lint(files: dict[str, str | bytes], answers: Answers | None = None) -> Report:
    sources = [SourceFile(f, f.rpartition("/")[2], d if isinstance(d, bytes) else d.encode()) for f, d in files.items()]
    return check(sources, "standard input", answers, helm)


def reported(report: Report, level: Level | None = None) -> list[tuple[str, str]]:
    return [(str(f.location), f.rule) for f in report.findings if level in (None, f.level)]


def only(report: Report, rule: str) -> Finding:
    (found,) = [finding for finding in report.findings if finding.rule == rule]
    return found


def test_a_sound_release_has_nothing_found_and_all_of_it_is_listed() -> None:
    report = lint({"r/web.yaml": deployment(replicas='repl{{ ConfigOption "replicas" }}'), "r/config.yaml": CONFIG})
    assert reported(report) == [("r/config.yaml:8", "config-item-required")]
    assert report.of(Level.ERROR) == []
    listed = {(e.kind, e.what, str(e.location)) for e in report.entries}
    assert listed == {
        ("document", "Deployment/web", "r/web.yaml:1"),
        ("call", 'ConfigOption "replicas"', "r/web.yaml:5"),
        ("image", "quay.io/my-org/web:v1", "r/web.yaml:10"),
        ("document", "Config/config", "r/config.yaml:1"),
        ("call", 'ConfigOption "hostname"', "r/config.yaml:13"),
    }


def test_all_that_is_wrong_is_told_at_once_each_where_it_stands() -> None:
    broken = f"""\
{deployment("bad", image="quay.io/My-Org/web:v1")}---
{deployment("good")}---
{deployment("call", replicas="repl{{ ConfigOptoin `replicas` }}")}---
{deployment("value", replicas="repl{{ fail `never` }}")}---
kind: ConfigMap
metadata: {{name: no-version}}
---
{deployment("good")}"""
    files = {"r/a.yaml": broken, "r/b.yaml": "a: [1\nb: 2\n", "r/c.yaml": b"caf\xe9: 1\n", "r/config.yaml": CONFIG}
    assert reported(lint(files), Level.ERROR) == [
        ("r/a.yaml:10", "image-reference"),
        ("r/a.yaml:27", "template-call"),
        ("r/a.yaml:38", "template-call"),
        ("r/a.yaml:45", "document"),
        ("r/a.yaml:48", "object-twice"),
        ("r/b.yaml:2", "document"),
        ("r/c.yaml:1", "file"),
    ]


@pytest.mark.parametrize(
    ("call", "close"),
    [("ConfigOption `hostnaem`", "did you mean hostname?"), ("`zzz` | ConfigOption", "add it, or fix the name")],
)
def test_an_item_that_the_config_does_not_have_is_a_warning_at_its_line(call: str, close: str) -> None:
    report = lint({"web.yaml": deployment(replicas=f"repl{{{{ {call} }}}}"), "config.yaml": CONFIG})
    found = only(report, "config-item-unknown")
    assert (found.level, str(found.location)) == (Level.WARNING, "web.yaml:5")
    assert close in found.message


def test_a_call_of_an_item_without_any_config_is_a_warning() -> None:
    report = lint({"web.yaml": deployment(replicas="repl{{ ConfigOption `replicas` }}")})
    assert "the release has no Config" in only(report, "config-item-unknown").message


@pytest.mark.parametrize(
    "call", ["semver (ConfigOption `hostname`)", "semver (ConfigOption `url`)", "semver (LicenseFieldValue `x`)"]
)
def test_what_fails_for_want_of_an_answer_or_a_license_is_a_note_that_says_so(call: str) -> None:
    report = lint({"web.yaml": deployment(replicas=f"repl{{{{ {call} }}}}"), "config.yaml": CONFIG})
    assert report.of(Level.ERROR) == []
    assert "not known here" in only(report, "template-call").message


def test_what_fails_with_the_answers_that_were_given_is_an_error() -> None:
    files = {"web.yaml": deployment(image="repl{{ ConfigOption `hostname` }}/UPPER"), "config.yaml": CONFIG}
    assert lint(files).of(Level.ERROR) == []
    report = lint(files, Answers({"hostname": "quay.io"}))
    assert reported(report, Level.ERROR) == [("web.yaml:10", "image-reference")]


def test_each_field_of_the_license_is_one_note_where_it_is_asked_for_first() -> None:
    call = "repl{{ LicenseFieldValue `seats` }}"
    report = lint({"a.yaml": deployment("a", replicas=call), "b.yaml": deployment("b", replicas=call)})
    found = only(report, "license-field")
    assert (found.level, str(found.location)) == (Level.NOTE, "a.yaml:5")
    assert "2 calls" in found.message


@pytest.mark.parametrize(
    ("call", "taken_as"),
    [
        ("NodeCount", "NodeCount is taken as 0 here"),
        ("semverCompare `>1` KubernetesVersion", "KubernetesVersion is taken as 0.0.0+unknown here"),
        ("eq Distribution `k3s`", "Distribution is taken as empty here"),
    ],
)
def test_each_fact_of_a_cluster_is_one_note_where_it_is_asked_for_first(call: str, taken_as: str) -> None:
    text = f"repl{{{{ {call} | quote }}}}"
    report = lint({"a.yaml": deployment("a", replicas=text), "b.yaml": deployment("b", replicas=text)})
    found = only(report, "cluster-fact")
    assert (found.level, str(found.location)) == (Level.NOTE, "a.yaml:5")
    assert found.message == f"{taken_as}: only a cluster has it (2 calls)"


def test_what_is_never_applied_may_be_anything() -> None:
    preflight = (
        "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: p}\nspec:\n  a: {{ x }}\n b: 1\n"
    )
    report = lint({"web.yaml": deployment(), "preflight.yaml": preflight})
    assert [(f.rule, f.level) for f in report.findings] == [("document-ignored", Level.WARNING)]


def test_a_source_in_a_registry_that_a_kotsapp_names_is_a_note() -> None:
    app = (
        "apiVersion: kotsapp.dev/v1alpha1\nkind: KotsApp\nmetadata: {name: shop}\n"
        "spec: {manifests: [{ociRef: {url: 'oci://ghcr.io/shop', tag: stable}}]}\n"
    )
    found = only(lint({"web.yaml": deployment(), "app.yaml": app}), "source-not-fetched")
    assert (found.level, str(found.location)) == (Level.NOTE, "app.yaml:1")
    assert "pull --license FILE oci://ghcr.io/shop --version 'stable'" in found.message


def test_what_looks_like_an_image_elsewhere_is_a_note_with_the_way_to_route_it() -> None:
    custom = """\
apiVersion: example.com/v1
kind: Farm
metadata: {name: farm}
spec:
  workers:
    image: quay.io/my-org/worker:v1
"""
    report = lint({"web.yaml": deployment(), "farm.yaml": custom})
    found = only(report, "image-not-handled")
    assert (found.level, str(found.location)) == (Level.NOTE, "farm.yaml:6")
    assert "quay.io/my-org/worker:v1 looks like an image" in found.message
    assert "spec.imagePaths, for example.com/Farm, spec.workers.image" in found.message


CHART = {"values.yaml": "tag: v1\n", "templates/web.yaml": deployment(image='"quay.io/my-org/api:{{ .Values.tag }}"')}
HELM_CHART = """\
apiVersion: kots.io/v1beta2
kind: HelmChart
metadata: {{name: {name}}}
spec:
  chart: {{name: {name}, chartVersion: 1.0.0}}
  releaseName: {name}
  values: {values}
"""


def test_charts_are_rendered_and_each_ones_fault_is_told_at_its_document() -> None:
    failing = {"templates/fail.yaml": '{{ fail "no storage class" }}'}
    files = {
        "r/good.tgz": pack_chart("good", CHART),
        "r/bad.tgz": pack_chart("bad", failing),
        "r/worse.tgz": pack_chart("worse", {"templates/fail.yaml": "{{ .Values.a.b.c }}"}),
        "r/charts.yaml": "---\n".join(HELM_CHART.format(name=n, values="{}") for n in ("good", "bad", "worse", "lost")),
    }
    report = lint(files)
    assert reported(report, Level.ERROR) == [
        ("r/charts.yaml:9", "chart"),
        ("r/charts.yaml:17", "chart"),
        ("r/charts.yaml:25", "chart"),
    ]
    assert "no storage class" in "".join(f.message for f in report.findings)
    assert ("image", "quay.io/my-org/api:v1", "r/charts.yaml, chart good 1.0.0 (release good)") in {
        (e.kind, e.what, str(e.location)) for e in report.entries
    }


def test_a_chart_that_wants_an_answer_that_is_missing_is_a_note() -> None:
    needy = {"templates/a.yaml": '{{ required "host must be set" .Values.host }}'}
    values = "{host: 'repl{{ ConfigOption `hostname` }}'}"
    files = {
        "needy.tgz": pack_chart("needy", needy),
        "charts.yaml": HELM_CHART.format(name="needy", values=values),
        "config.yaml": CONFIG,
    }
    found = only(lint(files), "chart")
    assert found.level is Level.NOTE
    assert "host must be set" in found.message and "the item hostname is not known here" in found.message


def test_a_chart_that_nobody_asks_for_is_a_warning_and_nothing_else_an_error() -> None:
    report = lint({"a.tgz": pack_chart("a", CHART)})
    assert [(f.rule, f.level) for f in report.findings] == [
        ("chart-unused", Level.WARNING),
        ("no-objects", Level.ERROR),
    ]


def test_without_helm_what_could_not_be_looked_at_is_said() -> None:
    def missing() -> Path:
        raise HelmMissingError("there is no helm on PATH")

    text = deployment(replicas="repl{{ if true }}1repl{{ end }}")
    report = check([SourceFile("web.yaml", "web.yaml", text.encode())], "standard input", None, missing)
    assert [(f.rule, f.level) for f in report.findings] == [("calls-not-filled-in", Level.NOTE)]


def test_without_helm_what_is_wrong_as_it_is_written_is_told_all_the_same() -> None:
    def missing() -> Path:
        raise HelmMissingError("there is no helm on PATH")

    config = CONFIG.replace('default: "2"', "default: repl{{ Namespace | upper }}")
    files = {
        "bad.yaml": deployment("bad", replicas="repl{{ nobody }}"),
        "ok.yaml": deployment(replicas="repl{{ if true }}1repl{{ end }}"),
        "config.yaml": config,
    }
    report = check([SourceFile(n, n, t.encode()) for n, t in files.items()], "standard input", None, missing)
    assert reported(report) == [("bad.yaml:5", "template-call"), ("the release", "calls-not-filled-in")]


def test_lines_in_an_archive_are_of_the_file_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "web.yaml").write_text(f"{deployment()}---\n{deployment('b', image='UPPER/x')}")
    found = only(lint({"r.tgz": pack_folder(folder)}), "image-reference")
    assert (found.location.file, found.location.inside, found.location.line) == ("r.tgz", "release/web.yaml", 21)
    assert found.location.file_line == 0


def test_parts_of_an_archive_are_one_file_and_a_missing_one_hides_nothing_else() -> None:
    packed = pack_chart("a", CHART)
    cut = {"r/a.tgz.00": packed[:100], "r/a.tgz.01": packed[100:]}
    helm_chart = HELM_CHART.format(name="a", values="{}")
    assert reported(lint({**cut, "r/chart.yaml": helm_chart}), Level.ERROR) == []
    del cut["r/a.tgz.00"]
    report = lint({**cut, "r/web.yaml": deployment(image="UPPER/x")})
    assert reported(report, Level.ERROR) == [("r/a.tgz.01", "file"), ("r/web.yaml:10", "image-reference")]


def test_a_config_that_can_not_be_read_hides_nothing_else() -> None:
    circle = CONFIG.replace("required: true", 'default: repl{{ ConfigOption "url" }}')
    report = lint({"config.yaml": circle, "web.yaml": deployment(image="UPPER/x")})
    assert reported(report, Level.ERROR) == [("config.yaml:1", "config"), ("web.yaml:10", "image-reference")]
    broken = CONFIG.replace("- name: url", "- title: url")
    report = lint({"config.yaml": broken, "web.yaml": deployment(image="UPPER/x")})
    assert reported(report, Level.ERROR) == [("config.yaml:1", "config"), ("web.yaml:10", "image-reference")]


@pytest.mark.parametrize("folder", sorted(RELEASES.iterdir()), ids=lambda path: path.name)
def test_rules_are_known_and_nothing_is_told_twice(folder: Path) -> None:
    files = {str(f.relative_to(RELEASES)): f.read_bytes() for f in sorted(folder.iterdir())}
    report = lint(files)
    assert {f.rule for f in report.findings} <= RULES.keys()
    assert len(set(report.findings)) == len(report.findings)

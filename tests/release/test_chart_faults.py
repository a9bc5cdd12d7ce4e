"""Charts that helm refuses, that do not end, or that ask for what they must not have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.charts import helm, pack_chart
from harness.demo_charts import CONFIG_MAP, chart_of, helm_chart, names, read, render
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import helm as runner
from kotsapp.release import helm_process
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.errors import HelmError, HelmMissingError


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

"""The health check for Argo CD, run by a real Lua over its test data and over what the operator writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import lua
from harness.conditions_rules import violations
from kotsapp.api.conditions import (
    PODS_ROUTED,
    SOURCES_READY,
    Condition,
    Reason,
    failed,
    merge,
    progressing,
    retrying,
    stalled,
    succeeded,
)
from kotsapp.names import GROUP, KIND

ARGOCD = Path(__file__).parents[2] / "deploy" / "argocd"
# Where Argo CD's own repository has it: resource_customizations/GROUP/KIND, to be copied there as it is.
UPSTREAM = ARGOCD / "resource_customizations" / GROUP / KIND
SCRIPT = UPSTREAM / "health.lua"
OF_LAST = "made from what was fetched last, since a source can't be had: see condition SourcesReady"
CASES: list[dict[str, Any]] = yaml.safe_load((UPSTREAM / "health_test.yaml").read_text())["tests"]


def load(input_path: str) -> dict[str, Any]:
    obj: dict[str, Any] = yaml.safe_load((UPSTREAM / input_path).read_text())
    return obj


@pytest.mark.parametrize("case", CASES, ids=[case["inputPath"] for case in CASES])
def test_the_test_data_has_the_health_it_should(case: dict[str, Any]) -> None:
    expected = case["healthStatus"]
    assert lua.health(SCRIPT, load(case["inputPath"])) == (expected["status"], expected["message"])


def test_every_file_of_test_data_is_used_and_every_health_but_missing_occurs() -> None:
    assert {case["inputPath"] for case in CASES} == {f"testdata/{path.name}" for path in UPSTREAM.glob("testdata/*")}
    reported = {case["healthStatus"]["status"] for case in CASES}
    assert reported == {"Healthy", "Progressing", "Degraded", "Suspended", "Unknown"}


def test_the_folder_holds_what_argo_cds_own_test_reads_and_nothing_else() -> None:
    """Its runner walks the tree for health_test.yaml, and takes the script beside it and the inputs that it names."""
    assert {path.name for path in UPSTREAM.iterdir()} == {"health.lua", "health_test.yaml", "testdata"}
    assert [path.parent for path in ARGOCD.rglob("health*.*")] == [UPSTREAM] * 2
    for case in CASES:
        assert set(case) == {"healthStatus", "inputPath"}
        assert set(case["healthStatus"]) == {"status", "message"}


@pytest.mark.parametrize("case", CASES, ids=[case["inputPath"] for case in CASES])
def test_the_test_data_is_what_an_operator_could_have_written(case: dict[str, Any]) -> None:
    obj = load(case["inputPath"])
    broken = violations([obj.get("status") or {}], [obj["metadata"]["generation"]])
    assert broken == (
        ["status 0: observedGeneration 1 without conditions"]
        if case["inputPath"].endswith("without_ready.yaml")
        else []
    )


@pytest.mark.parametrize(
    ("conditions", "observed", "expected"),
    [
        (succeeded("all is well"), 2, ("Healthy", "all is well")),
        (progressing("probing"), 1, ("Progressing", "Progressing: probing")),
        (progressing("rolling out"), 2, ("Progressing", "Progressing: rolling out")),
        (retrying(Reason.IMAGES_UNDECIDED, "no answer"), 1, ("Progressing", "ImagesUndecided: no answer")),
        (stalled(Reason.INVALID_MANIFEST, "line 3"), 2, ("Degraded", "InvalidManifest: line 3")),
        (stalled(Reason.INVALID_MANIFEST, "line 3"), 1, ("Degraded", "InvalidManifest: line 3")),
        (failed(Reason.WORKLOADS_UNHEALTHY, "api"), 2, ("Degraded", "WorkloadsUnhealthy: api")),
        # What the manifests name works without it.
        (
            [*succeeded("all is well"), Condition.false(PODS_ROUTED, Reason.POLICY_MISSING, "install it")],
            2,
            ("Healthy", "all is well"),
        ),
        # What was fetched before is used on.
        (
            [*succeeded("all is well"), Condition.false(SOURCES_READY, Reason.SOURCE_UNAVAILABLE, "503")],
            2,
            ("Healthy", f"all is well; {OF_LAST}"),
        ),
        ([*succeeded("all is well"), Condition.true(PODS_ROUTED, "3 images")], 2, ("Healthy", "all is well")),
        # Nothing was ever fetched: who knows whether it is retried is the one who says Reconciling.
        (stalled(Reason.SOURCE_UNAVAILABLE, "404"), 2, ("Degraded", "SourceUnavailable: 404")),
        (retrying(Reason.SOURCE_UNAVAILABLE, "503"), 1, ("Progressing", "SourceUnavailable: 503")),
    ],
)
def test_the_conditions_that_the_operator_makes(
    conditions: Sequence[Condition], observed: int, expected: tuple[str, str]
) -> None:
    written = merge([], conditions, generation=2, now="2026-01-01T00:00:00Z")
    app = {"metadata": {"generation": 2}, "spec": {}, "status": {"observedGeneration": observed, "conditions": written}}
    assert lua.health(SCRIPT, app) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([("Ready", "True"), ("Stalled", "False"), ("Reconciling", "False")], ("Healthy", "told")),
        ([("Ready", "Unknown")], ("Progressing", "Why: told")),
        ([("Ready", "true")], ("Unknown", "The Ready condition is neither True, False nor Unknown")),
    ],
)
def test_conditions_that_another_writer_might_leave(
    conditions: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    written = [
        {"type": type_, "status": status, "reason": "Why", "message": "told", "observedGeneration": 1}
        for type_, status in conditions
    ]
    app = {
        "metadata": {"generation": 1},
        "spec": {"suspend": False},
        "status": {"observedGeneration": 1, "conditions": written},
    }
    assert lua.health(SCRIPT, app) == expected


def test_a_status_that_was_cleared_is_as_good_as_none() -> None:
    app = {"metadata": {"generation": 2}, "spec": {}, "status": None}
    assert lua.health(SCRIPT, app) == ("Progressing", "Waiting for the operator to take up generation 2")


def test_the_config_map_patch_carries_the_same_script() -> None:
    config = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())
    assert config["metadata"]["name"] == "argocd-cm"
    assert config["data"] == {"resource.customizations.health.kotsapp.dev_KotsApp": SCRIPT.read_text()}


def test_a_script_that_fails_fails_the_test_with_the_words_of_lua(tmp_path: Path) -> None:
    script = tmp_path / "health.lua"
    script.write_text('return {status = string.upper("healthy")}')
    with pytest.raises(AssertionError, match="global 'string'"):
        lua.health(script, {})

"""Hooks of charts: Helm's order, and what becomes of each."""

from __future__ import annotations

import pytest

from harness.charts import pack_chart
from harness.demo_charts import CONFIG_MAP, chart_of, helm_chart, names, read, render
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import chart_output
from kotsapp.release.chart_output import Hook


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

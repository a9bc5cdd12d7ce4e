"""Which of a chart's hooks run at an install and at an upgrade, and what stays of those that don't."""

from dataclasses import replace
from typing import Any

import pytest

from kotsapp.manifests.errors import Place
from kotsapp.release import chart_output, upgrade
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.reader import SourceFile, read_release
from kotsapp.release.upgrade import Past

V1 = ChartRequest(ChartArchive("demo", "1.0.0", "x", b"", digest="one"), "rel", "", {"a": 1}, Place("HelmChart demo"))
V2 = replace(V1, archive=replace(V1.archive, version="1.1.0", digest="two"))


def hook(name: str, events: str, kind: str = "batch/v1\nkind: Job", content: str = "one") -> str:
    spec = f"spec: {{template: {{spec: {{containers: [{{name: {content}, image: busybox}}]}}}}}}"
    annotations = f'annotations: {{helm.sh/hook: "{events}"}}'
    return f"---\napiVersion: {kind}\nmetadata: {{name: {name}, {annotations}}}\n{spec}\n"


BOTH, INSTALL, UPGRADE = (
    hook("both", "pre-install,pre-upgrade"),
    hook("install", "pre-install"),
    hook("upgrade", "post-upgrade"),
)
PASSWORD = hook("password", "pre-install", "v1\nkind: Secret")
ALL = BOTH + INSTALL + UPGRADE + PASSWORD


def rendered(request: ChartRequest, text: str, before: ChartRequest | None = None, kept: str = "") -> dict[str, Any]:
    """The objects by name; ``before`` is the chart as it was when ``kept`` was rendered."""
    if before is not None:
        objects, *_ = chart_output.rendered(before, kept)
        request = replace(request, past=Past(before.digest, tuple(objects)))
    found, *_ = chart_output.rendered(request, text)
    return {obj["metadata"]["name"]: obj for obj in found}


def test_at_an_install_hooks_for_upgrades_alone_are_left_out() -> None:
    objects, left_out, _ = chart_output.rendered(V1, ALL)

    assert [obj["metadata"]["name"] for obj in objects] == ["both", "install", "password"]
    assert left_out == ["Job/upgrade (post-upgrade)"]


def test_at_an_upgrade_hooks_for_installs_alone_stay_as_they_were() -> None:
    before = rendered(V1, ALL)
    after = rendered(V2, ALL.replace("one", "two"), V1, ALL)

    assert set(after) == {"both", "install", "password", "upgrade"}
    assert {name for name in before if after[name] == before[name]} == {"install", "password"}


@pytest.mark.parametrize("kind", ["batch/v1\nkind: Job", "v1\nkind: Pod"])
def test_a_hook_for_upgrades_differs_in_what_cant_be_changed_for_each_change_of_the_chart(kind: str) -> None:
    text = hook("upgrade", "pre-upgrade", kind)

    first = rendered(V2, text, V1)["upgrade"]["spec"]
    again = rendered(V2, text, V1)["upgrade"]["spec"]
    back = rendered(V1, text, V2)["upgrade"]["spec"]
    values = rendered(replace(V1, values={"a": 2}), text, V1)["upgrade"]["spec"]

    assert first == again
    assert len({str(spec) for spec in (first, back, values)}) == 3


def test_when_something_else_changed_hooks_for_upgrades_stay_as_they_were() -> None:
    ran = rendered(V2, UPGRADE, V1)
    past = Past(V2.digest, tuple(ran.values()))

    objects, *_ = chart_output.rendered(replace(V2, past=past), UPGRADE.replace("one", "drawn anew"))
    assert objects == list(ran.values())
    assert rendered(V2, UPGRADE, V2, BOTH) == {}, "one that never ran does not begin to"


def test_a_hook_comes_after_the_others_at_the_install_and_before_them_at_the_upgrade() -> None:
    text = hook("plain", "", "v1\nkind: ConfigMap") + hook("migrate", "post-install,pre-upgrade")

    install, *_ = chart_output.rendered(V1, text)
    later, *_ = chart_output.rendered(replace(V2, past=Past(V1.digest, (install[1],))), text)

    assert [obj["metadata"]["name"] for obj in install] == ["plain", "migrate"]
    assert [obj["metadata"]["name"] for obj in later] == ["migrate", "plain"]
    assert install[1]["spec"] == later[0]["spec"], "it is not run again because of that"


def test_hooks_that_the_chart_has_no_longer_stay_when_they_hold_something_and_go_when_they_ran() -> None:
    after = rendered(V2, "", V1, ALL)

    assert set(after) == {"password"}, "what a chart makes only where .Release.IsInstall"


@pytest.mark.parametrize(
    ("plain", "chart", "taken"),
    [
        pytest.param("password", "", True, id="a plain object of the release now"),
        pytest.param("", "password", True, id="an ordinary object of the chart now"),
        pytest.param("other", "other", False, id="other names"),
        pytest.param("password, namespace: elsewhere", "", False, id="another namespace"),
    ],
)
def test_a_hook_of_before_gives_way_to_what_has_its_name_now(plain: str, chart: str, taken: bool) -> None:
    def secret(name: str) -> str:
        return f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\n" if name else ""

    hook = rendered(V1, PASSWORD)["password"]
    hook["metadata"]["namespace"] = "apps"
    past = replace(V2, past=Past(V1.digest, (hook,)))
    release = read_release([SourceFile("a.yaml", "a.yaml", secret(plain).encode())])

    found = with_charts(release, [(past, secret(chart))])

    assert (hook in found.objects) != taken
    assert len(found.objects) == len(found.sources) == bool(plain) + bool(chart) + (not taken)


def test_without_the_release_of_before_hooks_for_installs_are_not_lost() -> None:
    objects, *_ = chart_output.rendered(replace(V1, past=Past()), ALL)

    assert {obj["metadata"]["name"] for obj in objects} == {"both", "install", "password", "upgrade"}


def test_a_hook_without_a_template_is_left_for_the_api_server_to_refuse() -> None:
    for obj in ({"kind": "Job", "apiVersion": "batch/v1"}, {"kind": "Job", "apiVersion": "batch/v1", "spec": {}}):
        assert upgrade.marked(dict(obj), "digest") == obj

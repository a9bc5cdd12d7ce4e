"""What is shipped for Prometheus and Grafana asks for what there is, and says so in time."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from harness.prometheus import program, promtool
from harness.shipped import DEPLOY, Identity, Object, deployment_in
from kotsapp.operating import OperatorMetrics
from localworld.programs.apt import AptError

MONITORING = DEPLOY / "components" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"]["groups"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())

# promtool's clock begins in 1970.
READY, PAUSED = 'kotsapp_ready{namespace="apps",name="shop"}', 'kotsapp_suspended{namespace="apps",name="shop"}'
ENDS = 'kotsapp_license_expiration_timestamp_seconds{namespace="apps",name="shop"}'
SOURCES = 'kotsapp_sources_ready{namespace="apps",name="shop"}'
UNDECIDED = 'kotsapp_images{namespace="apps",name="shop",state="undecided"}'
UNVERIFIED = 'kotsapp_images{namespace="apps",name="shop",state="unverified"}'
ERRORS = 'kotsapp_reconcile_errors_total{cause="api"}'
LEADS, FOLLOWS = (f'kotsapp_leader{{job="operator",pod="{pod}"}}' for pod in "ab")
DAY = 86400


def shown() -> dict[str, set[str]]:
    """Every series that the operator can show, with its labels (``le`` of a histogram's buckets among them)."""
    registry = CollectorRegistry()
    metrics = OperatorMetrics.register(registry)
    series: dict[str, set[str]] = {}
    for collector in (
        *vars(metrics.reconcile).values(),
        *vars(metrics.probes).values(),
        metrics.apps,
        metrics.owned,
        metrics.leader,
    ):
        for family in collector.describe() if hasattr(collector, "describe") else ():
            labels = set(collector._labelnames)
            if family.type == "histogram":
                series |= {f"{family.name}_bucket": {*labels, "le"}}
                series |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            else:
                series[family.name + ("_total" if family.type == "counter" else "")] = labels
    for family in registry.collect():  # the process's own
        series |= {sample.name: set(sample.labels) for sample in family.samples if sample.name.startswith("process_")}
    return series


SHOWN = shown()


def expressions() -> Iterator[tuple[str, str]]:
    for group in RULES:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_series_that_is_asked_for_exists(where: str, expression: str) -> None:
    asked = re.findall(r"\b(?:kotsapp|process)_\w+", expression)
    assert asked
    for name in asked:
        assert name in SHOWN


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_label_that_is_asked_for_exists(where: str, expression: str) -> None:
    """Those of the target, too."""
    targets = {"instance", "job", "pod"}
    names = re.findall(r"\b(?:kotsapp|process)_\w+", expression)
    there = set().union(*(SHOWN[name] for name in names)) | targets
    for matchers in re.findall(r"\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=|!)", matchers)) <= there
    for grouped in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= there


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: str(panel["title"]))
def test_legends_name_labels_that_the_panel_has(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        grouped = re.findall(r"\bby\s*\(([^)]*)\)", target["expr"])
        name = re.findall(r"\b(?:kotsapp|process)_\w+", target["expr"])[0]
        there = {label.strip() for label in grouped[0].split(",")} if grouped else SHOWN[name] | {"pod"}
        assert wanted <= there


def test_every_state_of_an_app_is_on_the_dashboard() -> None:
    asked = {name for _, expression in expressions() for name in re.findall(r"\bkotsapp_\w+", expression)}
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    all_of_ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SHOWN if name.startswith("kotsapp_")}
    assert bases == all_of_ours


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules as Prometheus reads them; skips where promtool can't be had."""
    try:
        program("promtool")
    except AptError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": RULES}))
    return path


def test_promtool_accepts_the_rules(rules: Path) -> None:
    assert f"{sum(len(group['rules']) for group in RULES)} rules found" in promtool("check", "rules", str(rules))


@pytest.mark.parametrize(
    ("alert", "series", "quiet_at", "fires_at"),
    [
        pytest.param("KotsAppOperatorDown", {}, "9m", "11m", id="nobody is scraped"),
        pytest.param("KotsAppOperatorDown", {"kotsapp_apps": "0x60"}, "1h", None, id="an operator without apps"),
        pytest.param("KotsAppOperatorNoLeader", {LEADS: "0x60", FOLLOWS: "0x60"}, "4m", "6m", id="no leader"),
        pytest.param("KotsAppOperatorNoLeader", {LEADS: "1x60", FOLLOWS: "0x60"}, "1h", None, id="one leader"),
        pytest.param("KotsAppOperatorNoLeader", {LEADS: "1x10 0x50", FOLLOWS: "0x12 1x48"}, "1h", None, id="another"),
        pytest.param("KotsAppNotReady", {READY: "0x60"}, "14m", "16m", id="not Ready"),
        pytest.param("KotsAppNotReady", {READY: "0x60", PAUSED: "1x60"}, "1h", None, id="not Ready, but suspended"),
        pytest.param("KotsAppNotReady", {READY: "0x60", PAUSED: "0x60"}, "14m", "16m", id="not Ready, not suspended"),
        pytest.param("KotsAppNotReady", {READY: "0x10 1x50"}, "1h", None, id="Ready again"),
        pytest.param("KotsAppLicenseEndsSoon", {ENDS: f"{13 * DAY}x90"}, "59m", "61m", id="13 days"),
        pytest.param("KotsAppLicenseEndsSoon", {ENDS: f"{15 * DAY}x90"}, "80m", None, id="15 days"),
        pytest.param("KotsAppLicenseEndsSoon", {ENDS: "0x90"}, "59m", "61m", id="over"),
        pytest.param("KotsAppSourcesUnavailable", {SOURCES: "0x90"}, "59m", "61m", id="no source"),
        pytest.param("KotsAppSourcesUnavailable", {SOURCES: "0x50 1x5 0x40"}, "95m", None, id="no source for a while"),
        pytest.param("KotsAppSourcesUnavailable", {SOURCES: "0x90", PAUSED: "1x90"}, "90m", None, id="and suspended"),
        pytest.param("KotsAppImagesUndecided", {UNDECIDED: "2x60"}, "29m", "31m", id="undecided"),
        pytest.param("KotsAppImagesUndecided", {UNDECIDED: "0x60"}, "1h", None, id="all decided"),
        pytest.param("KotsAppImagesRefused", {UNVERIFIED: "1x60"}, "29m", "31m", id="refused"),
        pytest.param("KotsAppImagesRefused", {UNVERIFIED: "1x60", PAUSED: "1x60"}, "1h", None, id="refused, suspended"),
        pytest.param("KotsAppReconcileErrors", {ERRORS: "0+1x90"}, "10m", "30m", id="errors all the time"),
        pytest.param("KotsAppReconcileErrors", {ERRORS: "0x10 9x60"}, "1h", None, id="errors for a moment"),
    ],
)
def test_an_alert_fires_when_it_should(
    rules: Path, tmp_path: Path, alert: str, series: dict[str, str], quiet_at: str, fires_at: str | None
) -> None:
    """By promtool, at one sample a minute."""

    def check(at: str) -> None:
        test = {
            "rule_files": [str(rules)],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [{"series": name, "values": text} for name, text in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                            "eval_time": at,
                            "exp_samples": [{"labels": "{}", "value": 1 if at == fires_at else 0}],
                        }
                    ],
                }
            ],
        }
        path = tmp_path / f"{at}.yaml"
        path.write_text(yaml.safe_dump(test))
        promtool("test", "rules", str(path))

    check(quiet_at)
    if fires_at is not None:
        check(fires_at)


@pytest.mark.parametrize("rule", [rule for group in RULES for rule in group["rules"]], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    if "_ready" in rule["expr"] or "kotsapp_images" in rule["expr"]:
        assert "kubectl kotsapp" in rule["annotations"]["description"]


def test_the_monitor_finds_the_pods_and_their_port(everything_shipped: dict[Identity, Object]) -> None:
    monitor = everything_shipped["PodMonitor", "kotsapp-system", "kotsapp-operator"]["spec"]
    template = deployment_in(everything_shipped)["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert endpoint["honorLabels"], "else namespace is the operator's for every app"


def test_grafanas_sidecar_finds_the_dashboard(everything_shipped: dict[Identity, Object]) -> None:
    made = everything_shipped["ConfigMap", "kotsapp-system", "kotsapp-operator-dashboard"]
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(made["data"]["dashboard.json"]) == DASHBOARD


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))

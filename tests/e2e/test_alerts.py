"""The shipped alerts, fired by a real Prometheus that scrapes the operator; their waiting is promtool's to test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from harness.apps import DOWN, PUBLIC, Tenant, deployment
from harness.prometheus import Prometheus, scraping
from harness.running import ROOT, Operator
from harness.waiting import until
from localworld.world import World

RULES = yaml.safe_load((ROOT / "deploy/components/monitoring/prometheusrule.yaml").read_text())["spec"]["groups"]
NOT_AT_THE_PROXY = "quay.io/my-org/forgotten:1"


def firing(prometheus: Prometheus, tenant: Tenant) -> set[tuple[str, str]]:
    """Alerts about the tenant's apps: which, and for which app."""
    return {
        (alert["labels"]["alertname"], alert["labels"]["name"])
        for alert in prometheus.firing()
        if alert["labels"].get("namespace") == tenant.namespace
    }


def test_an_alert_fires_for_each_trouble_and_for_no_other_app(
    world: World, tenant: Tenant, operator: Operator, tmp_path: Path
) -> None:
    world.push_image(NOT_AT_THE_PROXY)
    soon = datetime.now(UTC) + timedelta(days=3)
    tenant.put_license(tenant.signer.sign(expires_at=f"{soon:%Y-%m-%dT%H:%M:%SZ}"), name="ends-soon")
    tenant.put_app("well", [deployment("well", PUBLIC)])
    tenant.put_app("ending", [deployment("ending", PUBLIC)], license={"secretRef": {"name": "ends-soon"}})
    tenant.put_app("undecided", [deployment("undecided", f"{DOWN}/somebody/api:1")])
    tenant.put_app("refused", [deployment("refused", NOT_AT_THE_PROXY)])

    with scraping(f"127.0.0.1:{operator.port}", RULES, tmp_path) as prometheus:
        expected = {
            ("KotsAppLicenseEndsSoon", "ending"),
            ("KotsAppImagesUndecided", "undecided"),
            ("KotsAppNotReady", "undecided"),
            ("KotsAppImagesRefused", "refused"),
            ("KotsAppNotReady", "refused"),
        }
        until(lambda: firing(prometheus, tenant) == expected, f"these fire: {expected}", 60)
        (ending,) = [alert for alert in prometheus.firing() if alert["labels"].get("name") == "ending"]
        assert ending["annotations"]["description"].startswith("It ends in 2d 23h ")
        assert not any(alert["labels"]["alertname"] == "KotsAppOperatorDown" for alert in prometheus.firing())

        tenant.kubectl("patch", "kotsapp", "undecided", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        quiet = {found for found in expected if found[1] != "undecided"}
        until(lambda: firing(prometheus, tenant) == quiet, "nothing is told of a suspended app", 60)

        operator.stop()
        down = "KotsAppOperatorDown"
        until(lambda: down in {alert["labels"]["alertname"] for alert in prometheus.firing()}, f"{down} fires", 60)

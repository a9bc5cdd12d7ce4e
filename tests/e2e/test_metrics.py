"""What Prometheus and Kubernetes see of the operator."""

from harness.apps import PUBLIC, Tenant, deployment
from harness.running import Operator
from harness.waiting import until


def test_an_app_is_counted_while_it_is_there_and_no_longer(tenant: Tenant, operator: Operator) -> None:
    series = f'kotsapp_ready{{name="app",namespace="{tenant.namespace}"}}'
    tenant.put_app("app", [deployment("one", PUBLIC)])
    tenant.wait_ready("app")

    until(lambda: f"{series} 1.0" in operator.metrics(), "the app is shown Ready")
    shown = operator.metrics()
    assert 'kotsapp_reconciliations_total{reason="ReconciliationSucceeded"}' in shown
    assert 'kotsapp_probes_total{host="docker.io",verdict="Public"}' in shown

    tenant.kubectl("delete", "kotsapp", "app")
    until(lambda: series not in operator.metrics(), "its series is gone")

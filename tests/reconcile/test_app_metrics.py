"""What is shown of each app: as its status has it, and nothing of an app that is gone."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kotsapp.reconcile.metrics import Metrics

KEY = ("apps", "shop")
LABELS = {"namespace": "apps", "name": "shop"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def status(ready: str = "True", **fields: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": ready, "reason": "Whatever"}], **fields}


def test_the_licenses_end_is_a_time_and_goes_with_a_license_that_never_ends(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    name = "kotsapp_license_expiration_timestamp_seconds"
    metrics.reconciled(KEY, status(license={"expiresAt": "2030-01-01T00:00:00Z"}), 0.1, suspended=False)
    assert registry.get_sample_value(name, LABELS) == 1893456000

    metrics.reconciled(KEY, status(license={"appSlug": "shop"}), 0.1, suspended=False)
    assert registry.get_sample_value(name, LABELS) is None


@pytest.mark.parametrize("written", ["soon", "", 5, None, "2030-13-01T00:00:00Z"])
def test_an_end_that_is_no_time_is_not_shown(metrics: Metrics, registry: CollectorRegistry, written: Any) -> None:
    """Whoever may write the status can put anything there."""
    metrics.reconciled(KEY, status(license={"expiresAt": written}), 0.1, suspended=False)
    assert registry.get_sample_value("kotsapp_license_expiration_timestamp_seconds", LABELS) is None


def test_images_are_counted_by_what_keeps_them_from_being_pulled(metrics: Metrics, registry: CollectorRegistry) -> None:
    counts = {"total": 5, "public": 2, "private": 3, "proxied": 3, "undecided": 1, "unverified": 2}
    metrics.reconciled(KEY, status("False", imageSummary=counts), 0.1, suspended=False)
    for state in ("total", "proxied", "undecided", "unverified"):
        assert registry.get_sample_value("kotsapp_images", {**LABELS, "state": state}) == counts[state]


def test_a_suspended_app_says_so_until_it_is_resumed(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.reconciled(KEY, status(), 0.1, suspended=True)
    assert registry.get_sample_value("kotsapp_suspended", LABELS) == 1
    metrics.reconciled(KEY, status(), 0.1, suspended=False)
    assert registry.get_sample_value("kotsapp_suspended", LABELS) == 0


@pytest.mark.parametrize(("state", "shown"), [("True", 1), ("False", 0), ("Unknown", 0)])
def test_sources_are_shown_where_there_are_any(
    metrics: Metrics, registry: CollectorRegistry, state: str, shown: int
) -> None:
    with_sources = status()
    with_sources["conditions"].append({"type": "SourcesReady", "status": state, "reason": "Whatever"})
    metrics.reconciled(KEY, with_sources, 0.1, suspended=False)
    assert registry.get_sample_value("kotsapp_sources_ready", LABELS) == shown

    metrics.reconciled(KEY, status(), 0.1, suspended=False)
    assert registry.get_sample_value("kotsapp_sources_ready", LABELS) is None


def test_nothing_is_shown_of_an_app_that_is_gone(metrics: Metrics, registry: CollectorRegistry) -> None:
    reported = status(license={"expiresAt": "2030-01-01T00:00:00Z"}, imageSummary={"total": 1, "undecided": 1})
    metrics.reconciled(KEY, reported, 0.1, suspended=True)
    assert 'name="shop"' in generate_latest(registry).decode()

    metrics.forget(KEY)

    assert 'name="shop"' not in generate_latest(registry).decode()
    metrics.forget(KEY)


def test_what_went_wrong_is_counted_by_whose_fault_it_is(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.broke("api")
    assert registry.get_sample_value("kotsapp_reconcile_errors_total", {"cause": "api"}) == 1
    assert registry.get_sample_value("kotsapp_reconcile_errors_total", {"cause": "internal"}) == 0

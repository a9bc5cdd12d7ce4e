"""What reconciling counts, for Prometheus."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From an unchanged app to a rollout that asks slow registries.
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Reconciliations by their outcome, and whether each app is Ready."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._done = Counter("kotsapp_reconciliations", "Reconciliations by reason.", ("reason",), registry=registry)
        self._seconds = Histogram(
            "kotsapp_reconcile_duration_seconds", "Time of one reconciliation.", registry=registry, buckets=_BUCKETS
        )
        self._ready = Gauge(
            "kotsapp_ready", "1 when the KotsApp is Ready, else 0.", ("namespace", "name"), registry=registry
        )

    def reconciled(self, key: tuple[str, str], status: Mapping[str, Any], seconds: float) -> None:
        ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
        self._done.labels(str(ready.get("reason"))).inc()
        self._seconds.observe(seconds)
        self._ready.labels(*key).set(ready.get("status") == "True")

    def forget(self, key: tuple[str, str]) -> None:
        """An app is gone, and its series with it."""
        try:
            self._ready.remove(*key)
        except KeyError:
            return  # it was never reconciled

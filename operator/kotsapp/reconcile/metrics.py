"""What reconciling counts, for Prometheus."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kotsapp.api.conditions import SOURCES_READY, condition_in

# From an unchanged app to a rollout that asks slow registries.
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The counts of status.imageSummary that say what pods wait for; the others are looked up in the status.
_IMAGE_STATES = ("total", "proxied", "undecided", "unverified")
_APP = ("namespace", "name")

Cause = Literal["api", "internal"]


class Metrics:
    """Reconciliations by their outcome, and how each app is: as its status says (DESIGN 11)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._done = Counter("kotsapp_reconciliations", "Reconciliations by reason.", ("reason",), registry=registry)
        self._errors = Counter(
            "kotsapp_reconcile_errors",
            "Reconciliations that came to nothing: the API server failed, or the operator.",
            ("cause",),
            registry=registry,
        )
        for cause in ("api", "internal"):
            self._errors.labels(cause)  # an increase is seen only of what was there before
        self._seconds = Histogram(
            "kotsapp_reconcile_duration_seconds", "Time of one reconciliation.", registry=registry, buckets=_BUCKETS
        )
        self._ready = Gauge("kotsapp_ready", "1 when the KotsApp is Ready, else 0.", _APP, registry=registry)
        self._suspended = Gauge("kotsapp_suspended", "1 while spec.suspend is true, else 0.", _APP, registry=registry)
        self._sources = Gauge(
            "kotsapp_sources_ready",
            "1 when all that is outside the cluster was fetched at the last look, else 0; absent where nothing is.",
            _APP,
            registry=registry,
        )
        self._license_ends = Gauge(
            "kotsapp_license_expiration_timestamp_seconds",
            "When the license ends, in seconds since 1970; absent when it never does.",
            _APP,
            registry=registry,
        )
        self._images = Gauge("kotsapp_images", "Images by state.", (*_APP, "state"), registry=registry)

    def reconciled(self, key: tuple[str, str], status: Mapping[str, Any], seconds: float, *, suspended: bool) -> None:
        """One reconciliation of the app is over, and this is its status."""
        ready = condition_in(status, "Ready") or {}
        self._done.labels(str(ready.get("reason"))).inc()
        self._seconds.observe(seconds)
        self._ready.labels(*key).set(ready.get("status") == "True")
        self._suspended.labels(*key).set(suspended)
        self._show_sources(key, condition_in(status, SOURCES_READY))
        self._show_license(key, status.get("license") or {})
        self._show_images(key, status.get("imageSummary") or {})

    def broke(self, cause: Cause) -> None:
        """A reconciliation ended without a status: requests failed (api), or a fault of the operator (internal)."""
        self._errors.labels(cause).inc()

    def clear(self) -> None:
        """All apps are another replica's to report."""
        for gauge in (self._ready, self._suspended, self._sources, self._license_ends, self._images):
            gauge.clear()

    def forget(self, key: tuple[str, str]) -> None:
        """An app is gone, and its series with it."""
        for gauge in (self._ready, self._suspended, self._sources, self._license_ends):
            _drop(gauge, key)
        for state in _IMAGE_STATES:
            _drop(self._images, (*key, state))

    def _show_sources(self, key: tuple[str, str], condition: Mapping[str, Any] | None) -> None:
        if condition is None:
            _drop(self._sources, key)
        else:
            self._sources.labels(*key).set(condition.get("status") == "True")

    def _show_license(self, key: tuple[str, str], license: Mapping[str, Any]) -> None:
        try:
            ends = datetime.fromisoformat(str(license.get("expiresAt"))).timestamp()
        except (ValueError, OverflowError):  # none, or what somebody else wrote
            _drop(self._license_ends, key)
        else:
            self._license_ends.labels(*key).set(ends)

    def _show_images(self, key: tuple[str, str], counts: Mapping[str, Any]) -> None:
        for state in _IMAGE_STATES:
            count = counts.get(state)
            self._images.labels(*key, state).set(count if isinstance(count, int) else 0)


def _drop(gauge: Gauge, labels: tuple[str, ...]) -> None:
    try:
        gauge.remove(*labels)
    except KeyError:
        return  # it was never shown

"""What the prober counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kotsapp.redact import masked
from kotsapp.registry.client import Answer
from kotsapp.registry.limits import MAX_METRIC_HOSTS
from kotsapp.verdicts.verdict import Verdict

_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining")
# From a warm connection in the next rack to the default deadline.
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The probe metrics. Host names come from manifests: after MAX_METRIC_HOSTS of them the rest are "other"."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._hosts: set[str] = set()
        self._probes = Counter(
            "kotsapp_probes", "Probes of images that asked a registry.", ("host", "verdict"), registry=registry
        )
        self._seconds = Histogram(
            "kotsapp_probe_duration_seconds", "Time of one probe.", ("host",), registry=registry, buckets=_BUCKETS
        )
        self._verifications = Counter(
            "kotsapp_verifications", "Checks with the license.", ("host", "verified"), registry=registry
        )
        self._requests = Counter(
            "kotsapp_registry_requests", "HTTP requests to registries.", ("host", "kind"), registry=registry
        )
        self._rate_limited = Counter(
            "kotsapp_registry_rate_limited", "Answers 429 from registries.", ("host",), registry=registry
        )
        self._remaining = Gauge(
            "kotsapp_registry_ratelimit_remaining", "Pulls left, as the registry says.", ("host",), registry=registry
        )
        self._cache_hits = Counter(
            "kotsapp_probe_cache_hits", "Questions answered without asking anybody.", ("kind",), registry=registry
        )

    def probed(self, host: str, verdict: Verdict, seconds: float) -> None:
        host = self._host(host)
        self._probes.labels(host, str(verdict)).inc()
        self._seconds.labels(host).observe(seconds)

    def verified(self, host: str, verified: str) -> None:
        self._verifications.labels(self._host(host), verified).inc()

    def cache_hit(self, kind: str) -> None:
        self._cache_hits.labels(kind).inc()

    def requested(self, host: str, kind: str, answer: Answer | None) -> None:
        """Count one HTTP request of this ``kind``; ``answer`` is None where none came."""
        host = self._host(host)
        self._requests.labels(host, kind).inc()
        if answer is None:
            return
        if answer.status == 429:
            self._rate_limited.labels(host).inc()
        for name in _REMAINING:
            value = answer.headers.get(name, "").partition(";")[0].strip()
            if value.isascii() and value.isdigit() and len(value) < 16:
                self._remaining.labels(host).set(int(value))

    def _host(self, host: str) -> str:
        host = masked(host)
        if host not in self._hosts:
            if len(self._hosts) >= MAX_METRIC_HOSTS:
                return "other"
            self._hosts.add(host)
        return host

"""Metrics of probes."""

from prometheus_client import CollectorRegistry

from harness.hostile import Request, Talk
from harness.polite_registries import ok, probe, serving
from kotsapp.registry.limits import MAX_METRIC_HOSTS
from kotsapp.verdicts.metrics import Metrics
from kotsapp.verdicts.verdict import Verdict


async def test_metrics() -> None:
    collected = CollectorRegistry()

    async def limited(request: Request, talk: Talk) -> None:
        await talk.answer(429, {"Retry-After": "60", "RateLimit-Remaining": "7;w=21600"})

    async with serving(ok, Metrics(collected)) as (server, prober):
        await probe(prober, "1")
        await probe(prober, "1")
        server.behaviours["x"] = limited
        await probe(prober, "2")

    def value(name: str, **labels: str) -> float | None:
        return collected.get_sample_value(name, labels)

    assert value("kotsapp_probes_total", host="quay.io", verdict="Public") == 1
    assert value("kotsapp_probes_total", host="quay.io", verdict="RateLimited") == 1
    assert value("kotsapp_probe_duration_seconds_count", host="quay.io") == 2
    assert value("kotsapp_registry_requests_total", host="quay.io", kind="manifest_head") == 2
    assert value("kotsapp_registry_rate_limited_total", host="quay.io") == 1
    assert value("kotsapp_registry_ratelimit_remaining", host="quay.io") == 7
    assert value("kotsapp_probe_cache_hits_total", kind="verdict") == 1


def test_metrics_do_not_grow_with_the_hosts_that_manifests_name() -> None:
    collected = CollectorRegistry()
    metrics = Metrics(collected)
    for number in range(MAX_METRIC_HOSTS + 50):
        metrics.probed(f"host-{number}.example", Verdict.PUBLIC, 0.1)

    assert collected.get_sample_value("kotsapp_probes_total", {"host": "other", "verdict": "Public"}) == 50

"""Events tell of transitions, once each, about the KotsApp that a person would describe."""

from pathlib import Path

from harness.apps import PRIVATE, PUBLIC, Tenant, config_map, deployment
from harness.life import NAME, UNKNOWN, Life, unready
from harness.waiting import stays, until


def reported(tenant: Tenant) -> list[str]:
    """Type, reason and message of every event about the app, oldest first."""
    items = [e for e in tenant.all("events") if e["involvedObject"]["kind"] == "KotsApp"]
    items.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
    return [f"{e['type']} {e['reason']}: {e['message']}" for e in items]


def test_the_events_of_one_life(tenant: Tenant, scratch: Path) -> None:
    life = Life(tenant)
    tenant.kubectl("delete", "secret", "my-license")
    life.put([deployment("example", UNKNOWN), config_map("settings", a="b")])
    life.reason("LicenseNotFound")
    tenant.put_license()
    life.reason("ImagesUndecided")
    life.put()
    life.ready()
    life.drifted()
    life.put([unready(deployment("example", PRIVATE)), config_map("settings", a="b")], timeout="1s")
    life.reason("WorkloadsUnhealthy")
    life.put([deployment("example", PUBLIC)], timeout=None)
    life.ready()
    tenant.put_license(licenseSequence=4)
    until(lambda: "Normal LicenseUpgraded" in "\n".join(reported(tenant)), "the upgrade is told")
    life.put("kind: [")
    life.reason("InvalidManifest")
    life.put()
    life.ready()
    until(lambda: reported(tenant)[-1].startswith("Normal ReconciliationSucceeded"), "its end is told")
    life.deleted()

    lines = reported(tenant)
    reasons = [line.partition(":")[0] for line in lines]
    # Pods that are there again before anybody looks were never missed.
    after_repair = reasons.index("Normal DriftRepaired") + 1
    if reasons[after_repair] == "Normal ReconciliationSucceeded":
        del reasons[after_repair]
    assert reasons == [
        "Warning LicenseNotFound",
        "Warning ImagesUndecided",
        "Normal Applied",
        "Normal ReconciliationSucceeded",
        "Normal DriftRepaired",
        "Normal Applied",
        "Warning WorkloadsUnhealthy",
        "Normal Applied",
        "Normal Pruned",
        "Normal Pruned",  # the pull secret, once no pod of the older version is left
        "Normal ReconciliationSucceeded",
        "Normal LicenseUpgraded",
        "Warning InvalidManifest",
        "Normal Applied",
        "Normal ReconciliationSucceeded",
        "Normal Deleting",
    ], "\n".join(lines)
    named = dict(line.split(": ", 1) for line in reversed(lines))
    assert [line for line in lines if "Pruned" in line][-1].endswith("Secret/my-kots-app-registry")
    assert named["Warning LicenseNotFound"].startswith("Secret my-license")
    assert UNKNOWN in named["Warning ImagesUndecided"]
    assert "Deployment/example" in named["Normal DriftRepaired"]
    assert "ConfigMap/settings" in named["Normal Pruned"]


def unasked(tenant: Tenant) -> list[str]:
    """But for the answers to those who asked for a fresh probe."""
    return [line for line in reported(tenant) if "ProbeRequested" not in line]


def test_what_stays_as_it_is_makes_no_event(tenant: Tenant) -> None:
    tenant.put_app("broken", "kind: [")
    tenant.put_app("undecided", [deployment("example", UNKNOWN)])
    tenant.wait_reason("broken", "InvalidManifest")
    tenant.wait_reason("undecided", "ImagesUndecided")
    until(lambda: len(reported(tenant)) == 2, "both are told")

    # Looked at again for many reasons, and nothing has become different.
    for number in range(3):
        for name in ("broken", "undecided"):
            tenant.kubectl("annotate", "--overwrite", "kotsapp", name, f"kotsapp.dev/requestedAt={number}")
        tenant.put_license(customerName="Acme")

    stays(lambda: len(unasked(tenant)) == 2, "nothing new is told", 1.5)


def test_another_thing_to_mend_is_told(tenant: Tenant) -> None:
    tenant.put_app("app", "kind: [")
    until(lambda: len(reported(tenant)) == 1, "the first one is told")
    tenant.put_app("app", "apiVersion: v1\nkind: {}\n")

    last = until(lambda: reported(tenant)[1:], "the second one is told")[-1]
    assert last.startswith("Warning InvalidManifest")
    assert last.endswith(tenant.condition("app")["message"])


def test_kubectl_describe_shows_them(tenant: Tenant) -> None:
    tenant.put_app(NAME, [deployment("example")])
    tenant.wait_ready(NAME)
    until(lambda: len(reported(tenant)) == 2, "both events are there")

    shown = tenant.kubectl("describe", "kotsapp", NAME)

    events = [line.split(maxsplit=4) for line in shown.partition("Events:")[2].splitlines()[3:]]
    assert [(type_, reason, who) for type_, reason, _, who, *_ in events] == [
        ("Normal", "Applied", "kotsapp-operator"),
        ("Normal", "ReconciliationSucceeded", "kotsapp-operator"),
    ], shown

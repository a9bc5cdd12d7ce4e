"""``kubectl kotsapp``: what each verb shows and asks for, on a fake cluster."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, fake_cluster, obj
from harness.inprocess import PRIVATE, PUBLIC, operating
from harness.licenses import LICENSE_ID, Signer
from harness.plugin import IMAGES, condition, put_app, run
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.cli.errors import CommandError
from kotsapp.verdicts.verdict import Verdict
from localworld.release_channel import Customer, Vendor

UID = "3f0b6c1e-0000-4000-8000-000000000001"
Run = Callable[..., Coroutine[Any, Any, int]]


async def test_status_has_no_table_of_workloads_where_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, conditions=[condition("Ready", "False", "LicenseKeyUnknown", "whose is it?")])

    assert await run(api, "status") == 1
    captured = capsys.readouterr().out
    assert "WORKLOAD" not in captured
    assert captured.endswith("whose is it?\n")


# -- what is shown


async def test_status_counts_no_ways_of_images_where_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, conditions=[condition("Ready", "False", "LicenseNotFound", "Secret l does not exist")])
    assert await run(api, "status", "shop") == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("Images")] == [
        ["Images", "none", "yet"]
    ]


async def test_each_message_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    message = "Deployment/web: the image must be given"
    reported = [
        condition(type_, "False", "ObjectRefused", message) for type_ in ("Ready", "Stalled", "WorkloadsApplied")
    ]
    put_app(api, conditions=reported)
    assert await run(api, "status", "shop") == 1
    shown = capsys.readouterr().out
    assert shown.count(message) == 1
    assert shown.count("as Ready") == 2


async def test_what_looks_like_an_image_is_listed_below_with_the_entry_that_would_route_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = fake_cluster()
    entry = {"group": "", "kind": "ConfigMap", "path": "data['it.yaml']"}
    unhandled = [
        {"image": "quay.io/my-org/it:1", "object": "ConfigMap/c", "path": "data['it.yaml']", "imagePath": entry},
        {"image": "quay.io/my-org/two:1", "object": "Thing/t", "path": "spec.it", "message": "it is split"},
    ]
    put_app(api, images=[IMAGES[-1]], unhandledImages=unhandled)

    assert await run(api, "images", "shop") == 0
    _, below = capsys.readouterr().out.split("These look like images, and are left as they are:")
    first, second = below.strip().splitlines()[1:]
    assert first.split()[:2] == ["quay.io/my-org/it:1", "ConfigMap/c"]
    assert """{kind: ConfigMap, path: "data['it.yaml']"}""" in first
    assert second.endswith("it is split")

    assert await run(api, "images", "shop", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["unhandledImages"] == unhandled


@pytest.mark.parametrize(
    ("wanted", "code", "parts"),
    [
        ("typo", 1, ["Private", "can't pull it", "ask the vendor", "kubectl kotsapp retry shop"]),
        ("lost", 1, ["NotFound", "check name and tag", "undecided"]),
        ("quay.io/my-org/far:v1", 1, ["Unreachable", "no answer within 10s", "spec.probe.onUndecided"]),
        (
            PRIVATE,
            0,
            ["HTTP 401, UNAUTHORIZED", "through the proxy", "Deployment/shop is Updating: 0 of 1", "nothing:"],
        ),
        ("proxy.example.com/proxy/shop/api:v1", 0, [PRIVATE]),
    ],
)
async def test_why_says_all_that_is_known_of_an_image_and_what_to_do(
    capsys: pytest.CaptureFixture[str], wanted: str, code: int, parts: list[str]
) -> None:
    api = fake_cluster()
    workload = {"kind": "Deployment", "name": "shop", "namespace": NAMESPACE, "state": "Updating", "message": "0 of 1"}
    put_app(api, images=IMAGES, workloads=[workload])
    assert await run(api, "why", "shop", wanted) == code
    shown = capsys.readouterr().out
    for part in parts:
        assert part in shown


async def test_why_says_of_an_image_of_pods_that_others_make_that_it_is_theirs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api, theirs = fake_cluster(), "quay.io/theirs/db:1"
    row = {"image": theirs, "verdict": "Private", "route": "Direct", "pull": theirs, "origin": "Pods"}
    put_app(api, images=[{**row, "usedBy": ["Pod/db-0"]}])
    assert await run(api, "why", "shop", "theirs") == 0
    shown = capsys.readouterr().out
    for part in ("pods that others make", "Pod/db-0", "a pull secret of their own"):
        assert part in shown


async def test_why_tells_where_something_looks_like_the_image_that_is_meant() -> None:
    api = fake_cluster()
    put_app(
        api, images=IMAGES, unhandledImages=[{"image": "quay.io/a/it:1", "object": "ConfigMap/c", "path": "data.it"}]
    )
    with pytest.raises(CommandError, match=r"looks like an image, and is left as it is, at ConfigMap/c, data\.it"):
        await run(api, "why", "shop", "quay.io/a/it:1")


async def test_why_names_the_images_that_there_are_when_none_or_many_are_meant() -> None:
    api = fake_cluster()
    put_app(api, images=IMAGES)
    with pytest.raises(CommandError, match=r"no image matches.*typo:v1"):
        await run(api, "why", "shop", "redis")
    with pytest.raises(CommandError, match="say which"):
        await run(api, "why", "shop", "quay.io")


async def test_the_tree_goes_down_to_the_pods(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    live = api.put(deployment("web"))
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    uid = api.live("Deployment", "web", NAMESPACE)["metadata"]["uid"]
    pod_spec = live["spec"]["template"] if live else deployment("web")["spec"]["template"]
    selector = {"matchLabels": {"app": "web"}}
    replicas = obj("ReplicaSet", "web-1", "apps/v1", spec={"selector": selector, "template": pod_spec})
    replicas["metadata"]["ownerReferences"] = [{**owner, "uid": uid}]
    api.put(replicas)
    uid = api.live("ReplicaSet", "web-1", NAMESPACE)["metadata"]["uid"]
    pod = obj("Pod", "web-1-a", spec=pod_spec["spec"])
    pod["metadata"]["ownerReferences"] = [{**owner, "kind": "ReplicaSet", "name": "web-1", "uid": uid}]
    api.put(pod)
    api.change("Pod", "web-1-a", {"status": {"phase": "Running"}}, NAMESPACE)
    inventory = [
        {"apiVersion": "v1", "kind": "ConfigMap", "namespace": NAMESPACE, "name": "settings"},
        {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": NAMESPACE, "name": "web"},
    ]
    put_app(api, inventory=inventory)
    assert await run(api, "tree", "shop") == 0
    assert capsys.readouterr().out.splitlines() == [
        "KotsApp/shop  Ready Unknown",
        "├─ Deployment/web",
        "│   └─ Pod/web-1-a  Running",
        "└─ ConfigMap/settings",
    ]


# -- what is asked for, with an operator that answers


@in_virtual_time
async def test_suspend_resume_retry_and_events(signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    async with operating(signer, verdicts={PUBLIC: Verdict.PUBLIC}) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        api = operator.api
        assert await run(api, "retry", "my-app", "--wait") == 0
        assert "asked for a fresh probe" in capsys.readouterr().out
        assert operator.status()["lastHandledRequestedAt"]
        assert await run(api, "rerender", "my-app", "--wait", "--timeout=1m") == 0
        assert operator.status()["lastHandledRenderAt"]

        assert await run(api, "suspend", "my-app") == 0
        await until(lambda: "Suspended" in operator.events())
        with pytest.raises(CommandError, match="resume it first"):
            await run(api, "retry", "my-app", "--wait")
        assert await run(api, "suspend", "my-app") == 0
        assert "suspended already" in capsys.readouterr().out
        assert await run(api, "get") == 0
        assert "True" in capsys.readouterr().out.splitlines()[1].split()

        assert await run(api, "resume", "my-app") == 0
        await operator.until_ready()
        await quiet(5)
        capsys.readouterr()
        assert await run(api, "events", "my-app", "-o", "json") == 0
        reasons = [event["reason"] for event in json.loads(capsys.readouterr().out)["events"]]
        assert reasons[-3:] == ["ProbeRequested", "Suspended", "Resumed"]
        assert await run(api, "history", "my-app") == 0
        assert "no rendering is kept" in capsys.readouterr().out


@in_virtual_time
async def test_the_history_says_which_version_each_rendering_is_of(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor = Vendor()
    vendor.customers[LICENSE_ID] = Customer(signer.sign(), 1, "")

    def publish(version: str) -> None:
        made = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: told}\ndata: {v: 'repl{{ VersionLabel }}'}\n"
        vendor.publish(version, {"app.yaml": made})

    publish("1.0.0")
    async with operating(signer, web=VendorWeb(vendor)) as operator:
        operator.put_app(manifests=[{"channelRelease": {}}], interval="1m")
        await operator.until_ready()
        publish("1.1.0")
        await until(lambda: operator.status()["release"].get("versionLabel") == "1.1.0")
        await operator.until_ready()
        assert await run(operator.api, "history", "my-app") == 0
        head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert head == ["REVISION", "VERSION", "RENDERED"]
        assert [(row[0], row[1], row[3:]) for row in rows] == [("2", "1.1.0", ["current"]), ("1", "1.0.0", [])]


@in_virtual_time
async def test_waiting_for_an_app_that_is_not_well_tells_why(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(signer) as operator:
        operator.put_app({"kind": "ConfigMap", "metadata": {"name": "x"}})
        await operator.until_reason("InvalidManifest")
        assert await run(operator.api, "retry", "my-app", "--wait") == 1
        assert "InvalidManifest" in capsys.readouterr().out


async def test_status_says_which_release_of_the_channel_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    newer = [{"channelSequence": 9 - number, "versionLabel": f"1.{9 - number}"} for number in range(5)]
    put_app(api, release={"versionLabel": "1.4", "channelSequence": 4}, availableReleases=newer)
    await run(api, "status", "shop")

    assert "Release     1.4 (4); newer in the channel: 1.9, 1.8, 1.7 and 2 more" in capsys.readouterr().out.splitlines()

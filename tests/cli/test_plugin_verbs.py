"""``kubectl kotsapp``: every verb on a fake cluster; arguments as people type them."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.cluster import NAMESPACE, config_map, deployment, fake_cluster, obj
from harness.fakekube import FakeApi, connect
from harness.inprocess import PRIVATE, PUBLIC, operating
from harness.licenses import LICENSE_ID, Signer
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.cli.errors import CommandError
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.arguments import parse
from kotsapp.cli.plugin.target import Target
from kotsapp.cli.plugin.terminal import fitted
from kotsapp.cli.plugin.tones import Tone
from kotsapp.names import API_VERSION, KIND
from kotsapp.verdicts.verdict import Verdict
from localworld.release_channel import Customer, Vendor

UID = "3f0b6c1e-0000-4000-8000-000000000001"
Run = Callable[..., Coroutine[Any, Any, int]]


async def run(api: FakeApi, *words: str) -> int:
    args = parse(words)
    code: int = await args.action(args, Target(connect(api), args, NAMESPACE))
    return code


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, Any]:
    fields = {"type": type_, "status": status, "reason": reason, "message": message}
    return {**fields, "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}


IMAGES = [
    {
        "image": "quay.io/my-org/typo:v1",
        "verdict": "Private",
        "route": "Proxy",
        "verified": "False",
        "message": "refused",
    },
    {"image": "quay.io/my-org/lost:v1", "verdict": "NotFound", "message": "quay.io knows no such image"},
    {"image": "quay.io/my-org/far:v1", "verdict": "Unreachable", "message": "no answer within 10s"},
    {
        "image": PRIVATE,
        "verdict": "Private",
        "route": "Proxy",
        "pull": "proxy.example.com/proxy/shop/api:v1",
        "verified": "True",
        "httpStatus": 401,
        "code": "UNAUTHORIZED",
        "message": "quay.io refused an anonymous pull",
        "usedBy": ["Deployment/shop"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    },
]


def put_app(api: FakeApi, name: str = "shop", namespace: str = NAMESPACE, **status: Any) -> None:
    spec = {"license": {"secretRef": {"name": "l"}}, "manifests": [{"configMapRef": {"name": "m"}}]}
    api.put(obj(KIND, name, API_VERSION, namespace, spec=spec))
    api.change(KIND, name, {"status": {"observedGeneration": 1, **status}}, namespace)


# -- arguments


@pytest.mark.parametrize(
    "words",
    [
        ["-n", "apps", "--context", "c", "--as", "jane", "status", "shop"],
        ["status", "shop", "-n", "apps", "--context", "c", "--as", "jane"],
        ["--as=jane", "status", "-n", "apps", "kotsapp/shop", "--context=c"],
        ["status", "kotsapps.kotsapp.dev/shop", "-napps", "--context", "c", "--as", "jane"],
    ],
)
def test_options_of_kubectl_come_before_or_after_the_verb(words: list[str]) -> None:
    args = parse(words)
    assert (args.name, args.namespace, args.context, args.user) == ("shop", "apps", "c", "jane")
    assert (args.all_namespaces, args.kubeconfig) == (False, None)


@pytest.mark.parametrize("words", [["status", "deployment/shop"], ["-n", "a", "get", "-A"], ["status", "kotsapp/"], []])
def test_what_makes_no_sense_is_bad_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["shop", "status", "-n", "apps"], "status"),
        (["-n", "apps", "kotsapp/shop", "status"], "status"),
        (["status", "kotsapp", "shop", "-n", "apps"], "status"),
        (["kotsapp", "shop", "images", "-napps"], "images"),
        (["-n", "apps", "retry", "ka", "shop", "--timeout", "1m"], "ask"),
        (["--as", "status", "why", "KotsApp", "shop", "redis", "-n", "apps"], "why"),
    ],
)
def test_the_verb_and_the_kind_may_stand_where_people_put_them(words: list[str], verb: str) -> None:
    args = parse(words)
    assert (args.name, args.namespace, args.action.__module__.rpartition(".")[2]) == ("shop", "apps", verb)


def test_an_app_may_be_called_like_a_verb_or_its_kind() -> None:
    assert parse(["status", "status"]).name == "status"
    assert parse(["status", "kotsapp"]).name == "kotsapp"
    args = parse(["why", "kotsapp", "redis"])
    assert (args.name, args.image) == ("kotsapp", "redis")


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["staus", "shop"], "did you mean status?"),
        (["describe", "shop"], "did you mean status?"),
        (["list"], "did you mean get?"),
        (["delete", "shop", "-n", "apps"], "kubectl delete kotsapp NAME"),
        (["lint", "release/"], "that needs no cluster: kotsapp lint"),
        (["-n", "apps", "shop"], "--help lists those that there are"),
        ([], "commands:"),
    ],
)
def test_what_is_no_verb_is_told_with_what_is_meant(
    words: list[str], reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert reported in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help"], ["help", "status"], ["version"], ["status", "--help"]])
def test_help_and_version_may_be_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 0
    assert "kotsapp" in capsys.readouterr().out


@in_virtual_time
async def test_an_app_that_is_not_there_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    with pytest.raises(CommandError, match="there is no KotsApp in namespace apps; kubectl kotsapp get -A lists"):
        await run(api, "status")
    put_app(api)
    with pytest.raises(CommandError, match="there is no KotsApp shpo in namespace apps; there is shop"):
        await run(api, "status", "shpo")
    with pytest.raises(CommandError, match="there is no KotsApp shop in namespace other; kubectl kotsapp get -A"):
        await run(api, "status", "shop", "-n", "other")


@in_virtual_time
async def test_an_app_that_nobody_has_looked_at_has_no_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api)
    assert await run(api, "status", "shop") == 1
    captured = capsys.readouterr().out
    assert "no operator has looked at it yet" in captured
    assert "CONDITION" not in captured


@in_virtual_time
async def test_get_prints_names_and_wide_tables_as_kubectl_does(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, license={"appSlug": "shop", "channelName": "Stable", "expiresAt": "2027-01-01T00:00:00Z"})
    assert await run(api, "get", "-o", "name") == 0
    assert capsys.readouterr().out == "kotsapp.kotsapp.dev/shop\n"
    assert await run(api, "get", "-A", "-o", "wide") == 0
    assert "2027-01-01T00:00:00Z" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize(
    "verb",
    [
        "get",
        "status",
        "images",
        "why",
        "events",
        "tree",
        "diff",
        "history",
        "report",
        "retry",
        "rerender",
        "suspend",
        "resume",
    ],
)
def test_each_verb_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([verb, "--help"])
    captured = capsys.readouterr().out
    assert f"Example:\n  kubectl kotsapp {verb}" in captured
    assert "``" not in captured


# -- which one


async def test_the_only_app_need_not_be_named_and_one_of_many_must(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster(NAMESPACE, "other")
    put_app(api, conditions=[condition("Ready", "True", "ReconciliationSucceeded", "fine")])
    assert await run(api, "status") == 0
    put_app(api, "shop", "other")
    assert await run(api, "status") == 0
    with pytest.raises(CommandError, match="apps/shop, other/shop"):
        await run(api, "status", "-A", "shop")
    with pytest.raises(CommandError, match="no KotsApp nobody in any namespace"):
        await run(api, "status", "-A", "nobody")
    capsys.readouterr()
    assert await run(api, "get", "-A") == 0
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split()[:3] == ["NAMESPACE", "NAME", "READY"]
    assert [row.split()[:3] for row in rows] == [["apps", "shop", "True"], ["other", "shop", "Unknown"]]


async def test_get_takes_a_name_as_kubectl_does(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster(NAMESPACE, "other")
    for name, namespace in (("shop", NAMESPACE), ("store", NAMESPACE), ("shop", "other")):
        put_app(api, name, namespace)

    assert await run(api, "get", "kotsapp/shop") == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()] == ["NAME", "shop"]
    assert await run(api, "get", "shop", "-A") == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()] == ["NAMESPACE", "apps", "other"]
    with pytest.raises(CommandError, match="no KotsApp nobody in namespace apps"):
        await run(api, "get", "nobody")


async def test_status_has_no_table_of_workloads_where_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, conditions=[condition("Ready", "False", "LicenseKeyUnknown", "whose is it?")])

    assert await run(api, "status") == 1
    captured = capsys.readouterr().out
    assert "WORKLOAD" not in captured
    assert captured.endswith("whose is it?\n")


async def test_as_acts_as_that_user() -> None:
    api = fake_cluster()
    put_app(api)
    args = parse(["status", "shop", "--as", "jane"])
    client = connect(api).impersonating(args.user)
    await args.action(args, Target(client, args, NAMESPACE))
    assert client.user == "jane"


# -- what is shown


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
    with pytest.raises(CommandError, match=r"no image is.*typo:v1"):
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


# -- tables


ROWS = [("quay.io/my-org/api:v1", "Private", "a message that is rather long, and would not fit into a line")]


@pytest.mark.parametrize("width", [30, 60, 80, 160])
def test_a_table_is_no_wider_than_the_terminal_and_loses_no_word(width: int) -> None:
    shown = fitted(("IMAGE", "VERDICT", "MESSAGE"), ROWS, width)
    assert max(map(len, shown.splitlines())) <= width
    assert set(" ".join(ROWS[0]).split()) <= set(shown.split())


def test_in_a_pipe_a_row_is_one_plain_line() -> None:
    shown = fitted(("IMAGE", "VERDICT", "MESSAGE"), ROWS)
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str, coloured: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    shown = fitted(("CONDITION", "STATUS"), [("Ready", tones.verified("False"))])
    assert ("\x1b[31mFalse\x1b[0m" in shown) is coloured
    assert shown.splitlines()[1].startswith("Ready  ")


@pytest.mark.parametrize(
    ("type_", "status", "tone"),
    [
        ("Ready", "True", Tone.GOOD),
        ("Ready", "False", Tone.BAD),
        ("Ready", "Unknown", Tone.BUSY),
        ("Stalled", "True", Tone.BAD),
        ("Reconciling", "True", Tone.BUSY),
        ("Suspended", "True", Tone.BUSY),
        ("LicenseValid", "False", Tone.BAD),
    ],
)
def test_true_is_no_good_news_of_a_condition_that_says_what_is_wrong(type_: str, status: str, tone: Tone) -> None:
    assert [one.tone for one in tones.condition(type_, status, "SomeReason")] == [tone, tone]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    monkeypatch.setattr("kotsapp.cli.plugin.terminal.is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize(
    "words", [["get", "-A"], ["get"], ["status", "shop"], ["images", "shop"], ["why", "shop", "far"]]
)
async def test_what_is_shown_fits_the_terminal(
    words: list[str], columns: int, terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    api = fake_cluster()
    long = "quay.io/my-org/lost:v1 (Deployment/lost): check name and tag: quay.io knows no such image, and so on"
    conditions = [condition("Ready", "False", "ImagesUndecided", long), condition("Stalled", "True", "Why", "more")]
    put_app(api, images=IMAGES, conditions=conditions, imageSummary={"total": 4, "proxied": 2})
    terminal(columns)
    await run(api, *words)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "message " not in {line.strip()[:8] for line in lines} or words[0] == "images"


def test_a_long_name_begins_a_line_and_columns_without_anything_are_left_out() -> None:
    name = "registry.example.com/" + "a" * 70
    shown = fitted(("NAME", "EMPTY", "MESSAGE"), [("web", "", f"it is {name} that is not there")], 60)
    assert name[:20] in [line.strip()[:20] for line in shown.splitlines()]
    assert max(map(len, shown.splitlines())) <= 60
    assert "EMPTY" not in shown


@pytest.mark.parametrize("width", [None, 30, 60])
def test_what_others_wrote_steers_no_terminal(width: int | None) -> None:
    assert "\x1b" not in fitted(("IMAGE", "MESSAGE"), [("a", "bad \x1b[2J thing that is long enough to wrap")], width)


async def test_nor_does_it_in_what_is_known_of_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, images=[{"image": "a:1", "verdict": "Error", "message": "bad \x1b[2J"}])
    await run(api, "why", "shop", "a:1")
    assert "\x1b" not in capsys.readouterr().out


async def test_status_says_which_release_of_the_channel_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    newer = [{"channelSequence": 9 - number, "versionLabel": f"1.{9 - number}"} for number in range(5)]
    put_app(api, release={"versionLabel": "1.4", "channelSequence": 4}, availableReleases=newer)
    await run(api, "status", "shop")

    assert "Release     1.4 (4); newer in the channel: 1.9, 1.8, 1.7 and 2 more" in capsys.readouterr().out.splitlines()

"""``kubectl kotsapp``: arguments as people type them, and which KotsApp is meant."""

import pytest

from harness.cluster import NAMESPACE, fake_cluster
from harness.fakekube import connect
from harness.plugin import condition, put_app, run
from harness.virtual_time import in_virtual_time
from kotsapp.cli.errors import CommandError
from kotsapp.cli.plugin.arguments import parse
from kotsapp.cli.plugin.target import Target

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


async def test_as_acts_as_that_user() -> None:
    api = fake_cluster()
    put_app(api)
    args = parse(["status", "shop", "--as", "jane"])
    client = connect(api).impersonating(args.user)
    await args.action(args, Target(client, args, NAMESPACE))
    assert client.user == "jane"

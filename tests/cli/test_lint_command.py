"""``kotsapp lint`` from a shell: exit codes, and what CI systems read."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.charts import helm, pack_chart
from harness.running import ROOT
from kotsapp.cli import main
from kotsapp.cli.arguments.lint import LEVELS
from kotsapp.lint.findings import RULES, Finding, Level, Location, Report
from kotsapp.lint.formats import github, junit, sarif

GOOD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: redis:7}]}\n"
BAD = GOOD.replace("redis:7", "UPPER/redis").replace("name: a}\nspec", "name: b}\nspec")
NOTED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 'repl{{ LicenseFieldValue `a` }}'}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    release = tmp_path / "release"
    release.mkdir()
    (release / "good.yaml").write_text(GOOD)
    return release


def lint(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["lint", *words]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_clean_release_is_0_an_error_1_and_bad_usage_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "noted.yaml").write_text(NOTED)
    assert "0 errors, 0 warnings, 1 note" in lint(capsys, "release")
    (folder / "bad.yaml").write_text(BAD)
    assert "1 error, 0 warnings, 1 note" in lint(capsys, "release", code=1)
    assert main(["lint", "nothing"]) == 2
    with pytest.raises(SystemExit) as ended:
        main(["lint", "release", "-o", "xml"])
    assert ended.value.code == 2


WARNED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w}\ndata: {a: 'repl{{ ConfigOption `lost` }}'}\n"


@pytest.mark.parametrize(
    ("text", "least", "code"),
    [
        (NOTED, "warning", 0),
        (NOTED, "note", 1),
        (WARNED, "error", 0),
        (WARNED, "warning", 1),
        (WARNED, "note", 1),
        (BAD, "error", 1),
        (BAD, "warning", 1),
    ],
)
def test_the_level_that_fails_can_be_chosen(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, least: str, code: int
) -> None:
    (folder / "config.yaml").write_text(
        "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec: {groups: []}\n"
    )
    (folder / "more.yaml").write_text(text)
    lint(capsys, "release", "--fail-on", least, code=code)
    suite = ElementTree.fromstring(lint(capsys, "release", "--fail-on", least, "-o", "junit", code=code))
    assert suite.get("failures") == str(code)


def test_a_finding_is_a_line_that_editors_know(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    first = lint(capsys, "release/bad.yaml", "release/good.yaml", code=1).splitlines()[0]
    assert first.startswith("release/bad.yaml:4: error: Pod/b: ")
    assert first.endswith("(image-reference)")


def test_all_that_is_there_is_listed_on_demand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "noted.yaml").write_text(NOTED)
    rows = [line.split() for line in lint(capsys, "release", "--list").splitlines()]
    assert ["release/good.yaml:4", "image", "redis:7", "Pod/a"] in rows
    assert ["release/noted.yaml:4", "call", "LicenseFieldValue", "`a`", "filled", "in"] in rows
    assert ["release/good.yaml:1", "document", "Pod/a", "applied"] in rows


def test_standard_input_has_no_file_that_a_ci_system_could_open(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for output in ("table", "github", "sarif"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
        reported = lint(capsys, "-", "-o", output, code=1)
        assert "standard input:4" in reported
        assert "file=" not in reported and "locations" not in reported


def test_json_has_everything_with_file_and_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(BAD)
    reported = json.loads(lint(capsys, "release", "-o", "json", code=1))
    assert [(f["rule"], f["level"], f["file"], f["line"]) for f in reported["findings"]] == [
        ("image-reference", "error", "release/bad.yaml", 4)
    ]
    assert reported["summary"]["errors"] == 1
    assert {(i["image"], i["use"], i["line"]) for i in reported["images"]} == {
        ("redis:7", "Pod/a", 4),
        ("UPPER/redis", "Pod/b", 4),
    }
    assert [d["document"] for d in reported["documents"]] == ["Pod/b", "Pod/a"]


# -- formats: what a hostile or odd release could break out of

ODD = "50% a,b: c\r\n::error::d <e> & \"f\" ']]>' \x1b[2J \ufffe \u202e é"
REPORT = Report(
    findings=(
        Finding("document", Level.ERROR, ODD, Location("r/a,b: 100%é.yaml", "", 3)),
        Finding("template-call", Level.WARNING, "plain", Location("r.tgz", "r/x.yaml", 7)),
        Finding("license-field", Level.NOTE, "plain", Location("-", "", 2)),
        Finding("release", Level.ERROR, "plain", Location()),
    ),
    entries=(),
    files=("r/a,b: 100%é.yaml", "r.tgz", "-", "clean.yaml"),
)


def test_github_commands_are_one_line_each_and_escaped() -> None:
    lines = github.text(REPORT).splitlines()
    assert lines[0] == (
        "::error file=r/a%2Cb%3A 100%25é.yaml,line=3,title=document::"
        "50%25 a,b: c%0D%0A::error::d <e> & \"f\" ']]>' \\x1b[2J \ufffe \\u202e é"
    )
    assert lines[1:] == [
        "::warning file=r.tgz,title=template-call::r.tgz, r/x.yaml:7: plain",
        "::notice title=license-field::standard input:2: plain",
        "::error title=release::plain",
    ]


def test_junit_is_xml_in_which_errors_fail_and_clean_files_pass() -> None:
    suites = ElementTree.fromstring(junit.text(REPORT).encode())
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    cases = list(suite)
    assert suite.attrib["tests"] == suites.attrib["tests"] == str(len(cases)) == "5"
    failing = [case for case in cases if case.find("failure") is not None]
    assert suite.attrib["failures"] == str(len(failing)) == "2"
    assert [(case.get("classname"), case.get("name")) for case in cases if not list(case)] == [
        ("clean.yaml", "nothing found")
    ]
    (first, *_) = failing
    assert (first.get("file"), first.get("line")) == ("r/a,b: 100%é.yaml", "3")
    failure = first.find("failure")
    assert failure is not None and "<e> & \"f\" ']]>'" in str(failure.get("message"))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_sarif_has_the_shape_that_code_scanning_reads() -> None:
    log = json.loads(sarif.text(REPORT))
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert driver["name"] == "kotsapp" and rules == list(RULES)
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "error"]
    assert [_places(result) for result in run["results"]] == [
        [("r/a,b%3A%20100%25%C3%A9.yaml", {"startLine": 3})],
        [("r.tgz", None)],
        [],
        [],
    ]
    assert run["results"][1]["message"]["text"] == "r.tgz, r/x.yaml:7: plain"


def _places(result: dict[str, Any]) -> list[tuple[str, Any]]:
    places = [location["physicalLocation"] for location in result.get("locations", ())]
    return [(place["artifactLocation"]["uri"], place.get("region")) for place in places]


def test_an_absolute_path_is_a_file_uri(tmp_path: Path) -> None:
    at = Location(str(tmp_path / "a b.yaml"), "", 1)
    (run,) = sarif.document(Report((Finding("file", Level.ERROR, "x", at),), (), ()))["runs"]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"{tmp_path.as_uri()}/a%20b.yaml"


def test_linting_needs_no_client_and_no_operator(folder: Path) -> None:
    code = (
        "import sys; from kotsapp.cli import main; main(['lint', 'release']);"
        "print([n for n in ('kopf', 'httpx', 'kubernetes', 'aiohttp') if n in sys.modules])"
    )
    env = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_every_level_can_be_the_one_that_fails() -> None:
    assert list(LEVELS) == [str(level) for level in Level]


def test_a_packed_chart_alone_is_checked_with_its_own_values(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "values.yaml": "image: UPPER/redis\n",
        "templates/pod.yaml": GOOD.replace("redis:7", "{{ .Values.image }}"),
    }
    packed = pack_chart("shop", files)
    Path("shop.tgz").write_bytes(packed)
    reported = lint(capsys, "shop.tgz", "--list", code=1)
    assert "1 document, 0 template calls, 1 chart" in reported
    assert "chart shop 1.0.0" in reported and "UPPER/redis" in reported
    assert "chart-unused" not in reported

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed)))
    assert "1 chart" in lint(capsys, "-", code=1)
    # Among other files it is a HelmChart that asks for it.
    (folder / "shop.tgz").write_bytes(packed)
    assert "(chart-unused)" in lint(capsys, "release")


def test_a_charts_folder_alone_is_checked_as_helm_would_pack_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = Path("shop")
    files = {
        "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        ".helmignore": "# notes\n*.bak\ndrafts/\n",
        "templates/pod.yaml": GOOD,
        "templates/pod.yaml.bak": "no template: {{",
        "templates/.hidden.yaml": "no template: {{",
        "templates/drafts/one.yaml": "no template: {{",
    }
    for name, text in files.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    assert "1 document, 0 template calls, 1 chart, 1 image: 0 errors" in lint(capsys, "shop")
    monkeypatch.chdir(chart)
    assert "1 chart" in lint(capsys, ".")
    monkeypatch.chdir("..")
    # In a release it is packed.
    assert main(["lint", "release", "shop"]) == 2
    assert "helm package shop; or give that folder alone" in capsys.readouterr().err

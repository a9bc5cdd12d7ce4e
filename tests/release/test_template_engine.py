"""Template calls come to what the reference makes of them, and all that can't be filled in is told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.charts import helm
from harness.engine_texts import context, fill, filled, texts
from kotsapp.manifests.errors import Place
from kotsapp.release import functions, helm_engine, template_engine
from kotsapp.release.context import ClusterFacts, ReleaseVersion, TemplateContext
from kotsapp.release.errors import HelmMissingError
from kotsapp.release.filling import Filled, Request, Text
from kotsapp.release.helm_process import find_program
from kotsapp.release.template_engine import EngineError

# What replicatedhq/kots at 370ae9030 makes of 48 calls and a Config, run.
REFERENCE = json.loads((Path(__file__).parent / "data" / "reference_templates.json").read_text())


def reference_context() -> TemplateContext:
    version = REFERENCE["version"]
    known = ReleaseVersion(
        version["sequence"], version["cursor"], version["channelName"], version["versionLabel"], version["releaseNotes"]
    )
    return context(version=known)


@pytest.fixture(scope="module")
def reference() -> Filled:
    """All the reference's calls, in one process."""
    given = {name: value or default for name, (value, default) in REFERENCE["items"].items()}
    all_texts = texts(*(case["text"] for case in REFERENCE["cases"]))
    return template_engine.fill(Request(reference_context(), all_texts, given=given), helm)


@pytest.mark.parametrize("number", range(len(REFERENCE["cases"])))
def test_calls_come_to_what_the_reference_makes_of_them(number: int, reference: Filled) -> None:
    case = REFERENCE["cases"][number]
    assert reference.texts.get(f"t{number}") == case["result"], case["text"]
    failed = {failure.subject.name for failure in reference.failures}
    assert (f"t{number}" in failed) == (case["error"] is not None), case["text"]


def test_helm_knows_every_function_that_is_let_through() -> None:
    names = functions.SPRIG - functions.FUNCTIONS.keys() - {"fail"}
    text = "".join(f"{{{{repl if false }}}}{{{{repl {name} }}}}{{{{repl end }}}}" for name in sorted(names))
    assert filled(text) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{repl- Namespace -}}  x", "appsx"),
        ("a:   repl{{- Namespace -}}  \nb", "a:appsb"),
        ("{{repl/* why */}}{{repl /* why */ -}} x", "x"),
        ("{{replConfigOption `a`}}", "A"),
        ("{{replicas}} {{ .Values.x }} {{ repl }}", "{{replicas}} {{ .Values.x }} {{ repl }}"),
        ("{{{repl 1 }}} {repl{{ 2 }}} {{ {{repl 3 }} }}", "{1} {2} {{ 3 }}"),
        ("{", "{"),
        ("repl{{ 1 }}{", "1{"),
        ("repl{{ `}}` }} repl{{ \"}}\" }} repl{{ '}' }}", "}} }} 125"),
        ('{{repl if ConfigOptionEquals "a" "A" }}x: repl{{ ConfigOption "a" }}{{repl end }}', "x: A"),
        ('{{repl if eq "a" "b" }}repl{{ fail "never" }}{{repl end }}.', "."),
        ('repl{{ $x := "v" }}{{repl $x := "w" }}{{repl $x }} repl{{ $x }}', "w v"),
        ('{{repl "a" | ConfigOption }} {{repl "b64" | ConfigOptionData | upper }}', "A TEXT"),
        ("{{repl print\n  `a`\n  (ConfigOption `a` | lower)\n}}", "aa"),
        ('{{repl "x" | ConfigOptionEquals "a" }} {{repl "A" | ConfigOptionEquals "a" }}', "false true"),
        ("{{repl range $k, $v := dict `a` 1 }}{{repl $k }}={{repl $v }}{{repl else }}none{{repl end }}", "a=1"),
        ("{{repl with ConfigOption `none` }}x{{repl else with ConfigOption `a` }}{{repl . }}{{repl end }}", "A"),
        ('{{repl ConfigOption "escaped" }}', "repl{{ Namespace }} {{ x }}"),
        ('{{repl ConfigOption "escaped" }} repl{{ Namespace }}', "repl{{ Namespace }} {{ x }} apps"),
        ('{{repl LicenseFieldValue "customerName" }}{{repl LicenseFieldValue "none" }}', "Ann"),
        ("{{repl KubernetesVersion }} {{repl KubernetesMajorVersion }}.{{repl KubernetesMinorVersion}}", "1.37.2 1.37"),
        ("{{repl Distribution }} {{repl add NodeCount 1 }} {{repl IsKurl }} {{repl IsAirgap }}", "gke 4 false false"),
        ("{{repl ParseInt `08` }} {{repl ParseInt `ff` 16 }} {{repl add (ParseInt `x`) (ParseInt `-7`) }}", "8 255 -7"),
        ("{{repl HumanSize 5 }} {{repl HumanSize 1234567890 }} {{repl HumanSize 1.5 }}", "5B 1.235GB 1.5B"),
        ("{{repl Base64Decode `!!` }}{{repl Base64Decode `YQ` }}.", "."),
        ("{{repl Trim `xax` `x` }} {{repl ToUpper `a` }} {{repl TrimSpace ` a ` }}", "a A a"),
        ("{{repl Add 1 `a` }} {{repl Sub 1.5 1 }} {{repl Mult 2 2 }}", "1 0.5 4"),
        ("{{repl ReplicatedImageName `ghcr.io/a/b:1` }} {{repl ReplicatedImageRegistry `ghcr.io` true }}",
         "ghcr.io/a/b:1 ghcr.io"),
        ("{{repl RandomString 5 `[AB]` | len }} {{repl RandomString 70 | len }} {{repl RandomString 5 `x` }}", "5 70 "),
    ],
)  # fmt: skip
def test_the_template_language_is_gos(text: str, value: str) -> None:
    given = {"a": "A", "b64": "dGV4dA==", "escaped": "repl{{ Namespace }} {{ x }}"}
    known = context(namespace="apps", cluster=ClusterFacts("v1.37.2", "gke", 3))
    assert filled(text, context=known, given=given) == value


def test_yaml_escape_fits_into_yaml() -> None:
    import yaml

    given = {"x": 'a: "b"\n#c\n\'d'}
    text = filled("a:\n  b: {{repl ConfigOption `x` | YamlEscape }}\n", given=given)
    assert yaml.safe_load(text) == {"a": {"b": given["x"]}}


def test_helm_value_asks_the_documents_chart() -> None:
    text = Text("t0", "{{repl HelmValue `.Values.image.tag` }}|{{repl HelmValue `.none.x` }}", Place("a"), chart="shop")
    request = Request(context(), [text], charts={"shop": {"image": {"tag": "1.2"}}})
    assert template_engine.fill(request, helm).texts["t0"] == "1.2|"


def test_the_images_that_were_asked_for_are_told_also_behind_pipes() -> None:
    images = {"quay.io/a/b:1": "proxy.example.com/proxy/app/quay.io/a/b:1"}
    result = fill(
        '{{repl LocalImageName (ConfigOption "x") }} {{repl printf "nginx:%d" 1 | LocalImageName }}',
        given={"x": "quay.io/a/b:1"},
        context=context(local_images=images),
    )
    assert result.texts["t0"] == "proxy.example.com/proxy/app/quay.io/a/b:1 nginx:1"
    assert sorted(result.local_images) == ["nginx:1", "quay.io/a/b:1"]


def test_everything_that_fails_is_told_at_once_with_its_place() -> None:
    result = fill(
        "fine: {{repl 1 }}",
        "a\nb: {{repl Nope 1 }}\nc: repl{{ ConfigOption }}\n",
        "\n\n  repl{{ index (list 1) 5 }}",
        "{{repl if true }}",
        'a {{repl fail "please upgrade" }}',
        "{{repl 1 }}\n\nx: repl{{ index (list 1 2) 7 }}",
        "repl{{ 1 2 }}",
        "{{repl Lookup `v1` `Secret` `a` `b` }} {{repl env `HOME` }}",
        "x: 'repl{{ \"'",
        "{{repl end }}",
        '{{repl "x" | Namespace }}',
    )
    refused, do = "filled in here: it reads the", "write the value out"
    assert dict(result.texts) == {"t0": "fine: 1"}
    assert sorted(map(str, result.failures)) == sorted(
        f"app.yaml, document 1, line {line}: the template call {call!r} can't be filled in: {reason}"
        for line, call, reason in (
            (11, "Nope 1", 'function "Nope" not defined: neither KOTS nor sprig has it; check how it is written'),
            (12, "ConfigOption", "wrong number of args for ConfigOption: want 1 got 0"),
            (12, "index (list 1) 5", "error calling index: index out of range: 5"),
            (10, "if true", "the block has no end: close it with an action end of the same form"),
            (10, 'fail "please upgrade"', "please upgrade"),
            (12, "index (list 1 2) 7", "error calling index: index out of range: 7"),
            (10, "1 2", "can't give argument to non-function 1"),
            (10, "Lookup `v1` `Secret` `a` `b`", f"Lookup is not {refused} cluster with the console's rights; {do}"),
            (10, "env `HOME`", f"env is not {refused} operator's own environment; {do}"),
            (10, "repl{{", "the template action repl{{ has no end: close it with }}, and close its quotes"),
            (10, "end", "unexpected {{end}}: there is no block that it is in"),
            (10, '"x" | Namespace', "wrong number of args for Namespace: want 0 got 1"),
        )
    )


def test_every_call_that_fails_in_one_text_is_told() -> None:
    result = fill(
        "a: repl{{ index (list 1) 5 }}\n"
        "b: repl{{ Nope }}\n"
        "c: repl{{ fail `one` }} repl{{ fail `two` }}\n"
        "d: repl{{ if true }}repl{{ fail `three` }}repl{{ end }}\n"
        "e: repl{{ $x := fail `four` }}repl{{ $x }}\n"
        "f: repl{{ fail `not reached` }}\n",
        "g: {{repl fail `five` }}\nh: {{repl 1 }}\ni: repl{{ fail `six` }}",
        "fine",
    )
    assert result.texts == {"t2": "fine"}
    reported = [(failure.place.line, failure.reason.partition(":")[0]) for failure in result.failures]
    assert sorted(reported) == [
        (10, "error calling index"),
        (10, "five"),
        (11, 'function "Nope" not defined'),
        (12, "one"),
        (12, "six"),
        (12, "two"),
        (13, "three"),
        (14, "four"),
    ]


def test_no_secret_is_in_what_is_told() -> None:
    result = fill(
        '{{repl fail (printf "license %s" (LicenseFieldValue "licenseID")) }}',
        '{{repl fail (ConfigOption "password") }}',
        '{{repl randInt 1 (ConfigOption "other") }}',
        given={"password": "hunter2", "other": "swordfish"},
        secrets=("hunter2",),
    )
    reported = " ".join(map(str, result.failures))
    assert len(result.failures) == 3
    assert "the-license-id" not in reported
    assert "hunter2" not in reported
    assert "swordfish" not in reported


@pytest.mark.parametrize(
    "text",
    [
        "repl{{ range $i := until 1000000000 }}repl{{ end }}",
        "repl{{ range $i := untilStep 0 100000000 1 }}0123456789repl{{ end }}",
        'repl{{ repeat 100000000 "abcd" }}',
    ],
)
def test_a_text_without_end_is_stopped_and_named(text: str) -> None:
    with pytest.raises(EngineError, match=r"one of these may not end: app.yaml, document 1, line 10: r"):
        fill("a: {{repl 1 }}", text)


def test_a_text_that_takes_for_ever_is_stopped_in_time() -> None:
    loops = "".join(f"{{{{repl range $i{n} := until 10000 }}}}" for n in range(4))
    with pytest.raises(EngineError, match=r"longer than 1 s: one of these may not end: app.yaml, .*: range \$i0"):
        fill(loops + "{{repl end }}" * 4, timeout=1.0)


def test_more_failing_texts_than_are_looked_for_are_told_in_part() -> None:
    with pytest.raises(EngineError, match=r"index out of range: 5; app.yaml.*and maybe more"):
        fill(*["repl{{ index (list 1) 5 }}"] * (template_engine.MAX_FAILING + 2))


def test_texts_of_every_script_come_through() -> None:
    given = {"x": "😀 ÄÖ \u2028 \x7f \ufeff 漢"}
    assert filled("😀 {{repl ConfigOption `x` }} é", given=given) == f"😀 {given['x']} é"


def test_a_text_with_the_marks_own_characters_is_refused() -> None:
    failure = fill("\U000fa11a0\U000fa11b {{repl 1 }}").failures[0]
    assert "private-use characters" in str(failure)


def test_without_helm_that_is_said() -> None:
    request = Request(context(), texts("{{repl 1 }}"))
    with pytest.raises(HelmMissingError):
        template_engine.fill(request, lambda: find_program("/nowhere/helm"))


def test_an_engine_that_waits_is_used() -> None:
    request = Request(context(), texts("{{repl Add 1 2 }}"))
    with helm_engine.started(helm()) as engine:
        assert template_engine.fill(request, helm, engine).texts["t0"] == "3"
        assert not engine.waits
        assert template_engine.fill(request, helm, engine).texts["t0"] == "3"


def test_hostile_texts_take_no_time() -> None:
    for text in ('{{repl "' * 50_000, "repl{{" + '"' * 200_000, "repl{{" + " }" * 200_000, "{{repl (" * 50_000):
        assert fill(text, "fine").failures

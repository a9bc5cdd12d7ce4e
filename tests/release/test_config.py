"""A Config's items come to what the reference makes of them; what is missing or wrong is told with how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.charts import helm
from kotsapp.images.routing import Domains
from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import config, config_document, config_values, template_engine
from kotsapp.release.config import Verdict
from kotsapp.release.config_document import Config
from kotsapp.release.config_values import Answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.filling import Filled, ItemValue, Request

DATA = Path(__file__).parent / "data"
# What replicatedhq/kots at 370ae9030 makes of 18 Configs, run; and of one with 17 items.
REFERENCE = json.loads((DATA / "reference_config.json").read_text())["cases"]
LARGER = json.loads((DATA / "reference_templates.json").read_text())

CONTEXT = TemplateContext({}, "", "registry", "apps", Domains())


def parsed(text: str) -> Config:
    obj = documents.read_mapping(text.encode(), "config.yaml")
    return config_document.parse(obj, Place("config.yaml", 1, 1))


def items(text: str) -> str:
    return f"spec:\n  groups:\n  - name: g\n    items:\n{text}"


def filled(found: Config, values: dict[str, Any], kept: dict[str, str] | None = None) -> Filled:
    given = config.given(found, Answers(values))
    request = Request(
        context=CONTEXT,
        texts=config.condition_texts(found),
        items=config.item_texts(found, given, kept or {}),
        patterns=config.patterns(found),
        given=given,
    )
    return template_engine.fill(request, helm)


def effective(text: str, values: dict[str, Any] | None = None, kept: dict[str, str] | None = None) -> dict[str, str]:
    result = filled(parsed(text), values or {}, kept)
    return {name: item.effective for name, item in result.items.items()}


def judged(text: str, values: dict[str, Any] | None = None) -> Verdict:
    found = parsed(text)
    return config.judge(found, filled(found, values or {}))


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: case["name"])
def test_items_come_to_what_the_reference_makes_of_them(case: dict[str, Any]) -> None:
    if case["error"] is not None:
        with pytest.raises(ManifestError, match=r"ask for each other in a circle \(a -> a\)"):
            effective(case["config"], case["values"])
        return
    # ConfigOption of a name that no item has is what was given, or empty.
    found = {**case["values"], **effective(case["config"], case["values"])}
    assert {name: found.get(name, "") for name in case["effective"]} == case["effective"]


def test_values_and_defaults_are_the_references() -> None:
    result = filled(parsed(LARGER["config"]), LARGER["values"])
    assert result.items == {name: ItemValue(*pair) for name, pair in LARGER["items"].items()}


def test_an_item_that_cant_be_filled_in_is_empty_and_a_warning() -> None:
    text = items("    - {name: a, title: A, default: 'repl{{ index (list 1) 3 }}'}\n    - {name: b, default: x}\n")
    assert effective(text) == {"a": "", "b": "x"}
    assert judged(text).problems == ()
    at = "config.yaml, document 1, line 1: the Config's item a, default"
    assert judged(text).warnings[0].startswith(f"{at}: the template call 'index (list 1) 3' can't be filled in")


def test_a_circle_names_its_items() -> None:
    text = items(
        "    - {name: free}\n"
        "    - {name: a, value: 'repl{{ ConfigOption \"b\" }}'}\n"
        "    - {name: b, default: '{{repl if ConfigOptionEquals `c` `1` }}x{{repl end }}'}\n"
        "    - {name: c, default: 'repl{{ \"a\" | ConfigOption }}'}\n"
        "    - {name: waits, default: '{{repl ConfigOption \"a\" }}'}\n"
    )
    with pytest.raises(ManifestError, match=r"config.yaml, .*in a circle \(a -> b -> c -> a\): one of them has to"):
        effective(text)


TYPED = items(
    "    - {name: flag, type: bool}\n    - {name: text, type: text}\n"
    "    - {name: many, type: select_many, items: [{name: one, title: 1}]}\n"
    "    - {name: out, default: 'repl{{ ConfigOption `one` }}'}\n"
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"flag": True}, {"flag": "1"}),
        ({"flag": "false"}, {"flag": "0"}),
        ({"flag": 1}, {"flag": "1"}),
        ({"flag": "1"}, {"flag": "1"}),
        ({"text": True}, {"text": "true"}),
        ({"text": 8443}, {"text": "8443"}),
        ({"text": 2.5}, {"text": "2.5"}),
        ({"text": "007"}, {"text": "007"}),
        ({"one": True}, {"out": "1"}),
    ],
)
def test_answers_of_any_type_become_the_items_text(values: dict[str, Any], expected: dict[str, str]) -> None:
    found = effective(TYPED, values)
    assert {name: found[name] for name in expected} == expected


ASKING = """\
spec:
  groups:
  - name: g
    items:
    - {name: external, type: bool, default: "0"}
    - {name: host, title: Host name, required: true}
    - {name: port, required: true, default: "5432"}
    - name: dsn
      title: 'DSN of repl{{ ConfigOption "host" }}'
      required: true
      when: 'repl{{ ConfigOptionEquals "external" "1" }}'
    - {name: computed, hidden: true, required: true}
    - {name: never, required: true, when: "false"}
  - name: more
    when: ' {{repl ConfigOptionEquals "external" "1" }} '
    items:
    - {name: bucket, required: true}
"""


def test_required_items_without_a_value_are_told_with_their_title_and_how_to_set_them() -> None:
    found = judged(ASKING)
    assert found.missing == ("host",)
    assert str(found.problems[0]) == (
        "the Config's item host ('Host name') is required and has no value: set host in spec.config.values, or in the"
        " file given with --config-values"
    )
    assert judged(ASKING, {"external": True, "host": "h"}).missing == ("dsn", "bucket")
    assert judged(ASKING, {"host": "h"}).problems == ()


PATTERN = items(
    "    - {name: port, default: abc, validation: {regex: {pattern: '^[0-9]+$', message: digits only}}}\n"
    "    - {name: none, validation: {regex: {pattern: '^x$'}}}\n"
    "    - {name: ca, type: file, validation: {regex: {pattern: BEGIN}}}\n"
)


def test_a_value_that_fails_its_pattern_is_told_with_the_vendors_message() -> None:
    found = judged(PATTERN)
    assert len(found.problems) == 1
    assert str(found.problems[0]) == (
        "the Config's item port has a value that does not fit: digits only; set port in spec.config.values, or in the"
        " file given with --config-values"
    )
    assert judged(PATTERN, {"port": 80, "ca": "QkVHSU4="}).problems == ()
    assert "it must match 'BEGIN'" in str(judged(PATTERN, {"port": 80, "ca": "YWJj"}).problems[0])


def test_a_pattern_that_is_none_is_told() -> None:
    text = items("    - {name: a, default: x, validation: {regex: {pattern: '(', message: m}}}\n")
    assert "has a validation.regex that can't be used (" in str(judged(text).problems[0])
    assert "missing closing )" in str(judged(text).problems[0])


def test_a_file_that_is_not_base64_is_a_warning() -> None:
    text = items("    - {name: ca, type: file}\n")
    assert "base64" in judged(text, {"ca": "-----BEGIN"}).warnings[0]
    assert judged(text, {"ca": "QkVH\nSU4="}).warnings == ()


def test_names_that_no_item_has_are_warnings_with_the_likely_one() -> None:
    text = items("    - {name: hostname}\n    - {name: s, type: select_many, items: [{name: one}]}\n")
    reported = list(config.unknown(parsed(text), Answers({"host_name": "x", "zzz": "1", "one": "1", "hostname": "h"})))
    assert reported == [
        "a value is given for 'host_name', which no item of the release's Config has (did you mean hostname?)",
        "a value is given for 'zzz', which no item of the release's Config has",
    ]


GENERATING = items(
    "    - {name: hidden, type: password, hidden: true, value: '{{repl RandomString 20 }}'}\n"
    "    - {name: fixed, value: v}\n"
    "    - {name: readonly, readonly: true, value: 'repl{{ ConfigOption \"hidden\" }}'}\n"
)


def test_a_generated_value_is_kept_until_it_is_given_or_no_longer_generated() -> None:
    first = filled(parsed(GENERATING), {})
    assert first.generated == {"hidden"}
    drawn = first.items["hidden"].value
    assert len(drawn) == 20
    longer = GENERATING.replace("20", "32")
    assert effective(longer, kept={"hidden": drawn})["hidden"] == drawn
    assert effective(longer, kept={"hidden": drawn})["readonly"] == drawn
    assert effective(GENERATING, {"hidden": "given"}, {"hidden": drawn})["hidden"] == "given"
    assert effective(GENERATING, kept={"fixed": "old", "hidden": drawn})["fixed"] == "v"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spec: {groups: {a: b}}", "spec.groups of the Config is not a list"),
        ("spec: {groups: [a]}", r"spec.groups\[0\] of the Config is not a mapping"),
        ("spec: {groups: [{items: [{title: x}]}]}", r"spec.groups\[0\].items\[0\] of the Config has no name"),
        ("spec: {groups: [{items: [{name: x, default: [1]}]}]}", "the Config's item x, default is a list, not text"),
        ("spec: {groups: [{items: [{name: x, validation: y}]}]}", "the Config's item x of the Config is not a mapping"),
        ("spec: {groups: [{items: [{name: x, valuesByGroup: [1]}]}]}", "item x, valuesByGroup of the Config is no"),
    ],
)
def test_a_config_that_is_none_is_told(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        parsed(text)


def test_a_config_without_end_is_refused() -> None:
    with pytest.raises(ManifestError, match="more than 2000 items"):
        parsed(items("".join(f"    - {{name: i{n}}}\n" for n in range(2_001))))


VALUES = """\
apiVersion: kots.io/v1beta1
kind: ConfigValues
spec:
  values:
    host: {value: shop.example.com, default: other}
    untouched: {default: x}
    password: {value: ZW5jcnlwdGVk, valuePlaintext: s3cret}
    ca: {value: QUJD, filename: ca.pem}
    port-1: {value: "80", repeatableItem: port}
"""


def answers(text: str) -> Answers:
    return config_values.read(documents.read_mapping(text.encode(), "values.yaml"), Place("values.yaml", 1, 1))


def test_a_config_values_document_is_read_as_the_console_writes_it() -> None:
    found = answers(VALUES)
    assert found.values == {"host": "shop.example.com", "password": "s3cret", "ca": "QUJD", "port-1": "80"}
    assert found.filenames == {"ca": "ca.pem"}
    assert found.rows == {"port-1": "port"}


def test_a_plain_map_is_read_and_later_answers_win() -> None:
    plain = answers("host: other\nport: 80\nempty:\n")
    assert plain.values == {"host": "other", "port": 80, "empty": ""}
    together = config_values.merged([answers(VALUES), plain])
    assert together.values["host"] == "other"
    assert together.values["password"] == "s3cret"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1]", "values.yaml, document 1, line 1: the value of 'a' is a list: write one text, number or boolean"),
        ("kind: License\napiVersion: kots.io/v1beta1", "is a 'License', not a ConfigValues document or a map"),
        ("kind: ConfigValues\napiVersion: kots.io/v1beta1\nspec: {values: [a]}", "spec.values of the ConfigValues is"),
        ("kind: ConfigValues\napiVersion: kots.io/v1beta1\nspec: {values: {a: b}}", "write it as {value: …}"),
    ],
)
def test_answers_that_are_none_are_told(text: str, problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        answers(text)
    assert problem in str(caught.value)

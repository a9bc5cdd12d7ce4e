"""Calls that are look-ups are filled in without a process, to what the engine makes of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.charts import helm
from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import filler, lookups, template_engine
from kotsapp.release.context import TemplateContext
from kotsapp.release.filler import Filling
from kotsapp.release.filling import ItemText, ItemValue, Request, Text
from kotsapp.release.reader import Release, SourceFile, read_release

CONTEXT = TemplateContext(
    license_fields={"customerName": "Ann", "seats": "5", "licenseID": "the-license-id"},
    docker_config="ZG9ja2Vy",
    pull_secret="app-registry",
    namespace="apps",
    domains=Domains(proxy="images.example.com", registry="registry.example.com"),
    local_images={"quay.io/a/b:1": "images.example.com/proxy/app/quay.io/a/b:1"},
)

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def no_helm() -> Path:
    raise AssertionError("a look-up needs no process")


def request(*texts: str, **options: Any) -> Request:
    given = {"host": "h.example.com", "on": "1", "empty": ""}
    return Request(CONTEXT, [Text(str(n), text, Place("x")) for n, text in enumerate(texts)], given=given, **options)


def filled(text: str) -> str:
    return filler.fill(request(text), no_helm).texts["0"]


def read(text: str, find_program: Any = no_helm) -> Release:
    file = SourceFile("ConfigMap m, key a", "a", text.encode())
    return read_release([file], lambda _: CONTEXT, filling=Filling(find_program=find_program))


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ('LicenseFieldValue "customerName"', "Ann"),
        ("LicenseFieldValue `seats`", "5"),
        ('LicenseFieldValue "no such entitlement"', ""),
        ("LicenseDockerCfg", "ZG9ja2Vy"),
        ("LocalRegistryImagePullSecret", "ZG9ja2Vy"),
        ("ImagePullSecretName", "app-registry"),
        ('LocalImageName "quay.io/a/b:1"', "images.example.com/proxy/app/quay.io/a/b:1"),
        ('LocalImageName "nginx:1"', "nginx:1"),
        ("HasLocalRegistry", "false"),
        ("ReplicatedProxyDomain", "images.example.com"),
        ("ReplicatedRegistryDomain", "registry.example.com"),
        ("Namespace", "apps"),
        ("Sequence", "0"),
        ('ConfigOption "host"', "h.example.com"),
        ('ConfigOption "none"', ""),
        ('ConfigOptionEquals "on" "1"', "true"),
        ('ConfigOptionEquals "none" ""', "false"),
        ('ConfigOptionNotEquals "on" "1"', "false"),
        ('ConfigOptionNotEquals "none" "1"', "false"),
        ('ConfigOptionNotEquals "empty" "1"', "true"),
        ('ConfigOptionFilename "none"', ""),
    ],
)
@pytest.mark.parametrize("form", ["{{{{repl {}}}}}", "{{{{repl {} }}}}", "repl{{{{ {} }}}}", "repl{{{{{}}}}}"])
def test_look_ups_come_to_the_same_with_and_without_the_engine(form: str, call: str, value: str) -> None:
    text = f"a: '{form.format(call)}'\nb: 1\n"
    assert filled(text) == f"a: '{value}'\nb: 1\n"
    # One process for the four forms would hide a difference between them, so each form is filled in by its own.
    if form == "repl{{{{ {} }}}}":
        assert template_engine.fill(request(text), helm).texts["0"] == filled(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:   repl{{- Namespace -}}  \nb", "a:appsb"),
        ("a: {{repl- Namespace }}  .", "a:apps  ."),
        ("a: '{{ .Values.x }} {{replicas}} {{ repl }}'\n", "a: '{{ .Values.x }} {{replicas}} {{ repl }}'\n"),
        ('{{repl Namespace }} {{ repl{{ ConfigOption "host" }} {', "apps {{ h.example.com {"),
    ],
)
def test_what_stands_around_is_as_go_leaves_it(text: str, value: str) -> None:
    assert filled(text) == value
    assert template_engine.fill(request(text), helm).texts["0"] == value


@pytest.mark.parametrize(
    "text",
    [
        "repl{{ Namespace | upper }}",
        "repl{{ if true }}repl{{ end }}",
        'repl{{ ConfigOption "a" "b" }}',
        "repl{{ ConfigOption }}",
        "repl{{ $x }}",
        'repl{{ LicenseFieldValue "a\\u0041" }}',
        "{{repl- Namespace }} repl{{ Namespace }}",
        "repl{{ }}",
        "repl{{ Nope }}",
        "repl{{ Namespace",
    ],
)
def test_everything_else_is_left_to_the_engine(text: str) -> None:
    looked_up, left = lookups.fill(request(text, "fine: repl{{ Namespace }}"))
    assert looked_up.texts == {"1": "fine: apps"}
    assert left is not None
    assert [one.key for one in left.texts] == ["0"]


def test_items_are_looked_up_in_their_order_or_left_together() -> None:
    items = [
        ItemText("a", Place("c"), default="x"),
        ItemText("b", Place("c"), value='{{repl ConfigOption "a" }}-repl{{ ConfigOption "a" }}', filename="f"),
        ItemText("c", Place("c"), value="v", given="g"),
    ]
    text = 'repl{{ ConfigOption "b" }} repl{{ ConfigOption "c" }} repl{{ ConfigOptionFilename "b" }}'
    result = filler.fill(request(text, items=items), no_helm)
    assert result.items == {"a": ItemValue("", "x"), "b": ItemValue("x-x"), "c": ItemValue("g")}
    assert result.texts["0"] == "x-x g f"
    looked_up, left = lookups.fill(request(text, items=[*items, ItemText("d", Place("c"), value="repl{{ add 1 2 }}")]))
    assert not looked_up.items
    assert left is not None
    assert len(left.items) == 4


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("LicenseFieldValue .x", "nil pointer evaluating interface {}.x"),
        ("LicenseFieldValue", "wrong number of args for LicenseFieldValue: want 1 got 0"),
        ('Namespace "x"', "wrong number of args for Namespace: want 0 got 1"),
        ("", "missing value for command"),
        ("nope", 'function "nope" not defined'),
        ("IdentityServiceName", "it asks the KOTS console"),
    ],
)
def test_calls_that_cant_be_filled_in_are_refused_by_name_and_place(call: str, reason: str) -> None:
    text = f"{CONFIG_MAP}---\n{CONFIG_MAP}data:\n  x: >-\n    repl{{{{ {call} }}}}\n"
    with pytest.raises(ManifestError) as caught:
        read(text, helm)
    named = f"the template call {call!r}" if call else "a template call"
    assert str(caught.value).startswith(f"ConfigMap m, key a, document 2, line 10: {named} can't be filled in: ")
    assert reason in str(caught.value)


def test_without_a_license_every_call_is_refused() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'repl{{ Namespace }}'}\n"
    with pytest.raises(ManifestError, match=r"m, document 1, line 3: .*: there is no license to take it from"):
        read_release([SourceFile("m", "a", text.encode())])


@pytest.mark.parametrize("text", ["repl{{ Namespace", 'repl{{ LicenseFieldValue "x }}', "{{repl `x }}", "repl{{" * 3])
def test_an_action_without_end_is_told(text: str) -> None:
    with pytest.raises(ManifestError, match=r"key a, document 1, line 4: .*the template action .* has no end"):
        read(f"{CONFIG_MAP}x: '{text}'\n", helm)


@pytest.mark.parametrize("text", ['{{repl "' * 50_000, "repl{{" + '"' * 200_000, "repl{{" + " }" * 200_000])
def test_hostile_actions_take_no_time(text: str) -> None:
    began = time.process_time()
    _, left = lookups.fill(request(text))
    assert left is not None
    assert time.process_time() - began < 10


def test_many_calls_take_time_in_proportion() -> None:
    began = time.process_time()
    assert filled("a: repl{{ Namespace }}\n" * 50_000) == "a: apps\n" * 50_000
    assert time.process_time() - began < 20


def test_the_context_shows_no_secret() -> None:
    assert "the-license-id" not in repr(CONTEXT)
    assert "ZG9ja2Vy" not in repr(CONTEXT)
    assert set(CONTEXT.secrets) == {"the-license-id", "ZG9ja2Vy"}


def test_text_that_holds_the_marks_own_characters_is_refused() -> None:
    with pytest.raises(ManifestError, match="private-use characters"):
        read(f"{CONFIG_MAP}x: '\U000fa11a0\U000fa11b repl{{{{ Namespace }}}}'\n", helm)

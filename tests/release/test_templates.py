"""KOTS template calls: those about license and images are filled in, the others are refused by name."""

from __future__ import annotations

import time

import pytest

from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import ManifestError
from kotsapp.release import templates
from kotsapp.release.reader import SourceFile, read_release
from kotsapp.release.templates import TemplateContext

CONTEXT = TemplateContext(
    license_fields={"customerName": "Ann", "seats": "5", "licenseID": "the-license-id"},
    docker_config="ZG9ja2Vy",
    pull_secret="app-registry",
    namespace="apps",
    domains=Domains(proxy="images.example.com", registry="registry.example.com"),
    local_images={"quay.io/a/b:1": "images.example.com/proxy/app/quay.io/a/b:1"},
)

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def filled(text: str) -> str:
    return templates.fill(text, CONTEXT, "x").text


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ('LicenseFieldValue "customerName"', "Ann"),
        ("LicenseFieldValue `seats`", "5"),
        ('LicenseFieldValue "no such entitlement"', ""),
        ('LicenseFieldValue "a\\u0041"', ""),
        ("LicenseDockerCfg", "ZG9ja2Vy"),
        ("ImagePullSecretName", "app-registry"),
        ('LocalImageName "quay.io/a/b:1"', "images.example.com/proxy/app/quay.io/a/b:1"),
        ('LocalImageName "nginx:1"', "nginx:1"),
        ("HasLocalRegistry", "false"),
        ("ReplicatedProxyDomain", "images.example.com"),
        ("ReplicatedRegistryDomain", "registry.example.com"),
        ("Namespace", "apps"),
    ],
)
@pytest.mark.parametrize("form", ["{{{{repl {}}}}}", "{{{{repl {} }}}}", "repl{{{{ {} }}}}", "repl{{{{{}}}}}"])
def test_calls_are_filled_in_both_forms(form: str, call: str, value: str) -> None:
    assert filled(f"a: '{form.format(call)}'\nb: 1\n") == f"a: '{value}'\nb: 1\n"


def test_trim_marks_take_the_space_around_away() -> None:
    assert filled("a:   repl{{- Namespace -}}  \nb") == "a:appsb"
    assert filled("a: {{repl- Namespace }}  .") == "a:apps  ."


def test_other_templates_stay() -> None:
    text = "a: '{{ .Values.x }} {{replicas}} {{ repl }}'\n"
    assert filled(text) == text


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ('ConfigOption "host"', "ConfigOption needs the KOTS console's configuration"),
        ('LicenseFieldValue "x" | ParseBool', "it is no single call with literal arguments"),
        ("LicenseFieldValue .x", "it is no single call"),
        ('print (LicenseFieldValue "x")', "it is no single call"),
        ("LicenseFieldValue", "LicenseFieldValue takes 1 argument, and has 0"),
        ('Namespace "x"', "Namespace takes no arguments, and has 1"),
        ('LicenseFieldValue "channelID"', "the license field channelID is not known"),
        ('LocalImageName "A B"', "is not an image reference"),
        ("if HasLocalRegistry", "it is part of a condition or loop"),
        ("", "it is no single call"),
    ],
)
def test_other_calls_are_refused_by_name_and_place(call: str, reason: str) -> None:
    text = f"{CONFIG_MAP}---\n{CONFIG_MAP}data:\n  x: >-\n    repl{{{{ {call} }}}}\n"
    with pytest.raises(ManifestError) as caught:
        read_release([SourceFile("ConfigMap m, key a", "a", text.encode())], lambda _: CONTEXT)
    assert str(caught.value).startswith(f"ConfigMap m, key a, document 2, line 10: the template call {call!r} can't")
    assert reason in str(caught.value)


def test_a_condition_that_breaks_the_yaml_is_named_instead_of_the_syntax() -> None:
    text = f"{CONFIG_MAP}data:\n{{{{repl if HasLocalRegistry }}}}\n  x: 1\n{{{{repl end }}}}\n"
    with pytest.raises(ManifestError, match="line 5: the template call 'if HasLocalRegistry' can't be filled in here"):
        read_release([SourceFile("m", "a", text.encode())], lambda _: CONTEXT)


def test_without_a_license_every_call_is_refused() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'repl{{ Namespace }}'}\n"
    with pytest.raises(ManifestError, match="there is no license to take it from"):
        read_release([SourceFile("m", "a", text.encode())])


@pytest.mark.parametrize("text", ["repl{{ Namespace", 'repl{{ LicenseFieldValue "x }}', "{{repl `x }}", "repl{{" * 3])
def test_an_action_without_end_is_told(text: str) -> None:
    with pytest.raises(ManifestError, match=r"x, line 2: the template action .* has no end"):
        templates.fill(f"a: 1\nb: '{text}'\n", CONTEXT, "x")


@pytest.mark.parametrize("text", ['{{repl "' * 50_000, "repl{{" + '"' * 200_000, "repl{{" + " }" * 200_000])
def test_hostile_actions_take_no_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ManifestError):
        templates.fill(text, CONTEXT, "x")
    assert time.process_time() - began < 10


def test_many_calls_take_time_in_proportion() -> None:
    began = time.process_time()
    assert filled("a: repl{{ Namespace }}\n" * 50_000) == "a: apps\n" * 50_000
    assert time.process_time() - began < 10


def test_the_context_shows_no_secret() -> None:
    assert "the-license-id" not in repr(CONTEXT)
    assert "ZG9ja2Vy" not in repr(CONTEXT)
    assert set(CONTEXT.secrets) == {"the-license-id", "ZG9ja2Vy"}


def test_text_that_holds_the_tokens_own_characters_is_refused() -> None:
    with pytest.raises(ManifestError, match="private-use characters"):
        templates.fill("a: \U000fa11a0\U000fa11b repl{{ Namespace }}", CONTEXT, "x")

"""Values of a kind that nothing can follow are refused where they stand."""

import json

import pytest

from kotsapp.manifests import documents
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError
from kotsapp.manifests.stream import Chunk

DEFINITION = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{DEFINITION}spec: words\n", "spec of CustomResourceDefinition/a is a text, not a mapping"),
        (f"{DEFINITION}spec: {{names: [a]}}\n", "spec.names of CustomResourceDefinition/a is a list, not a mapping"),
        (f"{DEFINITION}spec: {{group: 1}}\n", "spec.group of CustomResourceDefinition/a is a number, not a text"),
        (f"{SECRET}data: words\n", "data of Secret/a is a text, not a mapping"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: 1\n", "spec of Pod/a is a number, not a mapping"),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nroleRef: [a]\n",
            "roleRef of RoleBinding/a is a list, not a mapping",
        ),
    ],
)
def test_a_field_of_the_wrong_kind_is_named_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ManifestError) as caught:
        documents.load(f"---\n# first\n---\n{text}", "ConfigMap m, key a.yaml")
    assert str(caught.value).startswith("ConfigMap m, key a.yaml, document 2, line 4: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "kind": "C\\nonfig", "metadata": {"name": "a"}}',
        '{"apiVersion": "v1\\u001b[2J", "kind": "A", "metadata": {"name": "a"}}',
        '{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a\\rb"}}',
        '{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "namespace": "a\\u2028b"}}',
        '{"apiVersion": "v1", "kind": "A\\nList", "items": 1}',
    ],
)
def test_no_name_brings_lines_or_control_characters_into_messages(text: str) -> None:
    with pytest.raises(ManifestError, match="with characters that can't be printed: fix it") as caught:
        documents.load(text, "x")
    assert str(caught.value).isprintable()


def test_what_needs_no_name_is_refused_by_its_kind() -> None:
    text = "apiVersion: app.k8s.io/v1beta1\nkind: Application\nspec: words\n"
    with pytest.raises(ManifestError, match="spec of Application is a text, not a mapping"):
        documents.read_chunk(Chunk(text, 1, 1), "x", Budget(), needs_name=lambda _: False)


def test_a_custom_resource_may_have_any_kind_of_spec() -> None:
    text = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: words\n"
    assert documents.load(text, "x")[0]["spec"] == "words"


@pytest.mark.parametrize("digits", [4300, 4301, 5000, 1_000_000])
@pytest.mark.parametrize("form", ["{}", "+{}", "-{}", "[{}]", "0x{}", "0o{}", "1_{}", "{}.5", "1e{}"])
def test_any_number_of_digits_is_read_or_refused(digits: int, form: str) -> None:
    value = form.format("7" * digits)
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {value}}}\n"
    found = documents.load(text, "x")[0]["data"]["a"]
    # As kubectl: beyond what a float holds, digits are text.
    assert found in (value, [value[1:-1]])


@pytest.mark.parametrize("digits", [4301, 5000])
def test_a_key_of_any_number_of_digits_is_read(digits: int) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  ? {'7' * digits}\n  : a\n"
    assert documents.load(text, "x")[0]["data"] == {"7" * digits: "a"}


@pytest.mark.parametrize("digits", [4301, 1_000_000])
def test_json_digits_that_no_float_holds_are_refused_with_their_place(digits: int) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "@"}})
    with pytest.raises(ManifestError, match=r"^x, document 1, line 1: inf can't be written in JSON"):
        documents.load(text.replace('"@"', "7" * digits), "x")

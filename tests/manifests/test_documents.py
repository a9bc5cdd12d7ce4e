"""Bad input is refused with its place, whatever it is, and nothing of it is quoted that may be secret."""

from __future__ import annotations

import time

import pytest

from kotsapp.manifests import documents, limits
from kotsapp.manifests.errors import ManifestError

ORIGIN = "ConfigMap app-manifests, key app.yaml"
GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"


def message(data: bytes | str) -> str:
    with pytest.raises(ManifestError) as caught:
        documents.load(data, ORIGIN)
    return str(caught.value)


def test_an_error_names_source_document_and_line() -> None:
    text = f"{GOOD}---\n{GOOD}data:\n  x: [1\n---\n{GOOD}"
    assert message(text).startswith(f"{ORIGIN}, document 2, line 12: is not YAML: did not find expected ',' or ']'")


def test_a_leading_separator_and_comments_do_not_count_as_documents() -> None:
    found = documents.read(f"# first\n---\n{GOOD}--- # next\n\n{GOOD}", ORIGIN)
    assert [(str(document.place)) for document in found] == [
        f"{ORIGIN}, document 2, line 3",
        f"{ORIGIN}, document 3, line 9",
    ]
    assert [document.place.document for document in documents.read(f"---\n{GOOD}---\n{GOOD}", ORIGIN)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n", "the object 'ConfigMap' 'a' has no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "the object 'a' has no kind"),
        ("apiVersion: 1\nkind: X\nmetadata: {name: a}\n", "the object 'X' 'a' apiVersion is a number, not text"),
        ("apiVersion: v1\nkind: ConfigMap\n", "the ConfigMap has no metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "metadata.name of the ConfigMap is a number"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: [a]\n", "metadata of the ConfigMap is a list, not a mapping"),
        ("apiVersion: v1\nkind: C\nmetadata: {name: a, labels: x}\n", "metadata.labels of the C is a text"),
        ("spec: {a: 1}\nother: 2\n", "the object with the fields 'spec', 'other' has no kind"),
        ("- a\n- b\n", "a list is not a Kubernetes object"),
        ("hunter2\n", "a text is not a Kubernetes object"),
        ("apiVersion: v1\nkind: List\nitems: 5\n", "items of the List is a number: write a list"),
        ("apiVersion: v1\nkind: List\nitems: [null]\n", "items[0]: is empty"),
        (f"{GOOD}data: {{? [a] : b}}\n", "a mapping or list can't be a key"),
        (f"{GOOD}data: {{null: b}}\n", "null can't be a key"),
        (f"{GOOD}data: {{a: .inf}}\n", "inf can't be written in JSON"),
        (f"{GOOD}data: *x\n", "the alias *x has no anchor &x before it"),
        (f"{GOOD}data: &x [*x]\n", "the anchor &x contains itself"),
        (f"{GOOD}data:\n\tx: 1\n", "indent with spaces, not with tabs"),
        (f"%YAML 1.2\n---\n{GOOD}", "YAML directives (lines starting with %) are refused"),
        (f"--- x\n{GOOD}", "'x' stands behind the separator ---"),
    ],
)
def test_what_is_no_object_is_told(text: str, problem: str) -> None:
    assert problem in message(text)


def test_an_object_may_have_its_name_made() -> None:
    [obj] = documents.load("apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: run-}\n", ORIGIN)
    assert obj["metadata"] == {"generateName": "run-"}


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Secret\nstringData:\n  password: hunter2: x\n",
        "apiVersion: v1\nkind: Secret\nstringData:\n  password: 'hunter2\n",
        "apiVersion: v1\nkind: Secret\nstringData:\n  password: !!int hunter2\n",
        "password: hunter2\n",
        "hunter2",
        '{"password": "hunter2"',
        "a: [hunter2\n",
    ],
)
def test_no_error_quotes_a_value(text: str) -> None:
    assert "hunter2" not in message(text)


def test_aliases_make_copies() -> None:
    [obj] = documents.load(f"{GOOD}a: &x {{list: [1]}}\nb: *x\n", ORIGIN)
    obj["b"]["list"].append(2)
    assert obj["a"] == {"list": [1]}


BOMBS = {
    "nested lists": b"[" * 50_000,
    "nested mappings": b"{a: " * 50_000,
    "nested JSON": b'{"a":' * 50_000,
    "nested JSON lists": b'{"a":' + b"[" * 200_000,
    "nested block lists": b"- " * 50_000,
    "nested keys": b"? " * 50_000,
    "nested block mappings": b"".join(b" " * n + b"a:\n" for n in range(3_000)),
    "unclosed flow": b"[a, " * 100_000,
    "laughs": b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(98, 122)),
    "a long text repeated": b"a: &a '" + b"x" * 1_000_000 + b"'\nb: [" + b"*a, " * 1_000_000 + b"]\n",
    "merges": b"a0: &a0 {k: v}\n"
    + b"".join(
        b"a%d: &a%d {<<: [*a%d, *a%d], x%d: {w: *a%d}}\n" % (n, n, n - 1, n - 1, n, n - 1) for n in range(1, 40)
    ),
    "many anchors": b"".join(b"a%d: &a%d x\n" % (n, n) for n in range(30_000)) + b"b: *nothing\n",
    "many directives": b"".join(b"%%TAG !a%d! x\n" % n for n in range(60_000)),
    "many values": b"a: [" + b"1," * (limits.MAX_NODES + 1) + b"]\n",
    "many documents": b"---\na\n" * (limits.MAX_DOCUMENTS + 2),
    "much": b"#" * (limits.MAX_SOURCE_BYTES + 1),
    "long number": b'{"a": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_seconds(name: str) -> None:
    """Each of these stalls, crashes or fills the memory of a reader without bounds."""
    began = time.process_time()
    assert message(BOMBS[name]).startswith(ORIGIN)
    assert time.process_time() - began < 10


def test_what_is_within_the_bounds_is_read() -> None:
    depth = limits.MAX_DEPTH - 2
    [obj] = documents.load(f"{GOOD}data: {'[' * depth}{']' * depth}\n", ORIGIN)
    found, reached = obj["data"], 0
    while found:
        found, reached = found[0], reached + 1
    assert reached == depth - 1
    with pytest.raises(ManifestError, match=f"nested more than {limits.MAX_DEPTH} deep"):
        documents.load(f"{GOOD}data: {'[' * (depth + 5)}{']' * (depth + 5)}\n", ORIGIN)

"""The quick reader reads what libyaml's events say, or leaves the document to them."""

import copy
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.applications import applications
from harness.examples import examples
from kotsapp.manifests import plain_block, yaml_document
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.manifests.plain_block import Lines
from kotsapp.manifests.yaml_document import Seen
from kotsapp.render.yaml_text import dump

REFUSED = "refused"


def by_events(text: str) -> Any:
    with mock.patch.object(plain_block, "read", return_value=None):
        try:
            return yaml_document.read(text, Place("text"), Seen(), Budget())[0]
        except ManifestError:
            return REFUSED


def typed(value: Any) -> Any:
    """With types, because Python takes 1, 1.0 and True for equal."""
    if isinstance(value, dict):
        return [(key, typed(child)) for key, child in value.items()]
    if isinstance(value, list):
        return ["list", *map(typed, value)]
    return type(value).__name__, value


INDENTS = ("", "", "  ", "  ", "    ", " ", "   ", "      ", "\t")
DASHES = ("", "", "", "- ", "- ", "-  ", "- - ", "-", "? ", ": ")
KEYS = (
    "a",
    "b",
    "name",
    "on",
    "null",
    "1",
    "1.0",
    "0x10",
    "a.b/c-d",
    '"a b"',
    "'a'",
    '"a\\n"',
    "<<",
    "~",
    "a b",
    "-a",
    ".inf",
)
VALUES = (
    *(
        "x",
        "1",
        "1e3",
        "0777",
        "22:22",
        "true",
        "n",
        "null",
        "~",
        "",
        " ",
        "x y",
        "x  y",
        "x ",
        "x #y",
        "x#y",
        "#x",
        "x:y",
        "x: y",
    ),
    *(
        "x :y",
        "http://a:1/b",
        "-1",
        "-x",
        "- x",
        "-",
        ".5",
        ".inf",
        "'q'",
        "'it''s'",
        '"q"',
        '"a\\tb"',
        '"a" b',
        "'",
        '"',
        "{}",
    ),
    *(
        "[]",
        "{a: 1}",
        "[1]",
        "|",
        ">",
        "&a x",
        "*a",
        "!x y",
        "%x",
        "@x",
        "`x",
        "é",
        "x,y",
        "x]y",
        "x}y",
        "=",
        "<",
        "?x",
        "...",
        "---x",
        "--x=:80",
        "--",
        "--x: y",
        "[--x, -y, ---z]",
    ),
    *(
        "2001-01-01",
        "1_000",
        "+1",
        "/x",
        "$(A)",
        "{{x}}",
        "x\\y",
        "x'y",
        'x"y',
        "x|y",
        "x\ty",
        "x\r",
        "x\x07",
        "x\xa0",
        "500m",
        "[a, b]",
        "[a,b]",
        "[ a ,'b c', \"d, e\" ]",
        "[a b]",
        "[a, ]",
        "[a:1]",
        "[a: 1]",
        "[-1, -, - x]",
        "[[a]]",
        "[a] b",
        "[a]#",
        "[1, 0777, y, null, .5, .inf]",
        '["a\\n"]',
        "{a: b, c: 1}",
        '{a: \'x, y\', "b c": "d"}',
        "{a: b, a: c}",
        "{ on: off }",
        "{1: 1e3, .inf: 2}",
        "{a:b}",
        "{a: }",
        "{a}",
        "{<<: x}",
        "{a: {b: c}}",
        "{a: [b]}",
        "{null: x}",
    ),
)
COMMENTS = ("", " ", "# x", "  # x", "#", "# é", "# \x07", "\t", "...", "---")

_lines = st.one_of(
    st.builds(
        lambda indent, dash, key, colon, value: f"{indent}{dash}{key}{colon}{value}",
        st.sampled_from(INDENTS),
        st.sampled_from(DASHES),
        st.sampled_from(KEYS),
        st.sampled_from((": ", ": ", ":", ":", ":  ", " : ")),
        st.sampled_from(VALUES),
    ),
    st.builds(
        lambda indent, value: f"{indent}- {value}",
        st.sampled_from(INDENTS),
        st.sampled_from(VALUES),
    ),
    st.builds(lambda indent, key: f"{indent}{key}:", st.sampled_from(INDENTS), st.sampled_from(KEYS)),
    st.sampled_from(COMMENTS),
)


@settings(max_examples=examples(3000))
@given(st.lists(_lines, min_size=1, max_size=8).map("\n".join))
def test_what_is_read_is_what_the_events_say(text: str) -> None:
    read = plain_block.read(text, Lines())
    if read is not None:
        assert typed(read) == typed(by_events(text))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", ["a: {}", "- {}", "a:\n- {}", "- a: {}\n  b: x", "a:\n  b: {}\nc: x"])
def test_every_value_in_every_place(form: str, value: str) -> None:
    text = form.replace("{}", value)
    read = plain_block.read(text, Lines())
    if read is not None:
        assert typed(read) == typed(by_events(text))


@settings(max_examples=examples(200))
@given(applications())
def test_ordinary_manifests_are_read_without_the_events(objects: list[dict[str, Any]]) -> None:
    lines = Lines()
    for obj in objects[:-1]:
        assert typed(plain_block.read(dump(obj), lines)) == typed(obj)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\nb:\n", {"a": None, "b": None}),
        ("a:\n- x\n- w\nb: z\n", {"a": ["x", "w"], "b": "z"}),
        ("a:\n  - x\n  - b: 1\n    c:\n    - 2\n  - d:\n", {"a": ["x", {"b": 1, "c": [2]}, {"d": None}]}),
        ("- a:\n    b: c\n  d: {}\n- []\n", [{"a": {"b": "c"}, "d": {}}, []]),
        ("# x\n\na: 1\na: 2\n", {"a": 2}),
        ("  a: 1\n  b: 2\n", {"a": 1, "b": 2}),
        ("a: x\n  b: y\n", None),
        ("a: x\n  y\n", None),
        ("a:\n  b: 1\n c: 2\n", None),
        ("a: 1\n- b\n", None),
        ("- a\nb: 1\n", None),
        ("- a\n  b: 1\n", None),
        ("text\n", None),
        ("\n# nothing\n", None),
    ],
)
def test_structure(text: str, expected: Any) -> None:
    assert plain_block.read(text, Lines()) == expected


def test_deep_nesting_is_left_to_the_bounds() -> None:
    deep = "\n".join(f"{'  ' * depth}a:" for depth in range(MAX_DEPTH + 1))
    assert plain_block.read(deep, Lines()) is None
    assert by_events(deep) == REFUSED
    assert plain_block.read("\n".join(f"{'  ' * depth}- a:" for depth in range(5000)), Lines()) is None


def test_memory_for_lines_is_bounded() -> None:
    lines = Lines()
    text = "\n".join(f"a{index}: {index}" for index in range(50_000))
    assert len(plain_block.read(text, lines)) == 50_000
    assert len(lines.known) < 10_000


@pytest.mark.parametrize("text", ["{}", "[]", "{b: c}", "[b, c]"])
def test_containers_are_not_shared_between_equal_lines(text: str) -> None:
    first, second = plain_block.read(f"- a: {text}\n- a: {text}\n", Lines())
    before = copy.deepcopy(second)
    first["a"].clear()
    first["a"] = "x"
    assert second == before


def test_lists_and_mappings_on_one_line_are_read_without_the_events() -> None:
    text = "command: [sh, --c, \"a, b\"]\nselector: {app: 'x y', tier: 1}\nports: [80, 0x50]\n"
    expected = {"command": ["sh", "--c", "a, b"], "selector": {"app": "x y", "tier": 1}, "ports": [80, 80]}
    assert plain_block.read(text, Lines()) == expected == by_events(text)

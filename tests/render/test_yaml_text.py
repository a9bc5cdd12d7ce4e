"""Text that every reader of YAML reads back as the same values."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.examples import examples
from kotsapp.manifests.documents import load
from kotsapp.render.yaml_text import UnwritableError, dump, dump_all

# Where YAML 1.1, YAML 1.2, go-yaml and PyYAML part ways, or where YAML's own syntax begins.
WORDS = """
y Y yes Yes YES n N no No NO on On ON off Off OFF true True TRUE tRuE false False FALSE null Null NULL ~ nan NaN .nan
.NaN .NAN inf .inf .Inf -.inf +.INF Infinity 0 00 007 0777 0o777 0x1F 0b101 -0 +1 -1 1_000 1,000 1e3 1E3 1.e3 1e+3 .5 5.
1.0 1.5 1e400 22:22 22:22:22 190:20:30 2001-01-01 2001-01-01T00:00:00Z 2001-1-1 = << - -- --- ... ? : , [ ] { } [] {} #
& * ! | > ' " % @ ` -a ?a :a a: a:b a#b #a !a &a *a |a >a %a @a `a 'a "a a' a" 0.0.0.0 1.2.3 v1 500m 128Mi 12Mi 0x
18446744073709551615 18446744073709551616 9223372036854775808 -9223372036854775809 123456789012345678901234567890 08 09
e3 E3 _ _1 1_ /a a/b a.b a,b a=b a@b {{a}} ${A} $(A) a&b a*b a!b a|b a>b a%b a?b a~b a^b (a) a\\b \\ \\n
"""
SPACED = [
    *(
        "",
        " ",
        "  ",
        " a",
        "a ",
        "a b",
        "a  b",
        "a: b",
        "a :b",
        "a : b",
        "a #b",
        "a# b",
        "- a",
        "? a",
        ": a",
        "a:",
        "a: ",
    ),
    *("\t", "a\tb", "\ta", "a\t", "\n", "\n\n", "a\n", "a\n\n", "a\n\n\n", "\na", " \na", "a\nb", "a\nb\n", "a\n b\n"),
    *(
        "a\n\nb\n",
        "a\n  \nb",
        "a\n \n",
        "  a\nb",
        "a\r\nb",
        "a\rb",
        "# a\nb\n",
        "---\na\n",
        "...\n",
        "a\n---\nb",
        "- a\n- b\n",
    ),
    *("a: b\nc: d\n", "\u0085", "\u2028", "\u2029", "\ufeff", "a\ufeffb", "\ud7ff", "\ue000", "\ufffd", "\x00", "\x07"),
    *(
        "\x1b",
        "\x7f",
        "\x80",
        "\x9f",
        "\xa0",
        "é",
        "日本語",
        "😀",
        "\U0010ffff",
        "\ufffe",
        "\uffff",
        "a\u2028b\nc",
        "é\nü\n",
    ),
]
TEXTS = [*WORDS.split(), *SPACED]


def kubectl(*arguments: str, text: str) -> Any:
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.fail("kubectl is missing: it comes with the development requirements")
    done = subprocess.run([found, *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_by_kubectl(values: Any) -> Any:
    """What ``kubectl apply`` would send for the values."""
    obj = {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "box"}, "values": values}
    read = kubectl("label", "--local", "--dry-run=client", "-o", "json", "-f", "-", "a=b", text=dump(obj))
    return read["values"]


def test_kubectl_reads_every_text_back() -> None:
    assert read_by_kubectl(TEXTS) == TEXTS


def test_kubectl_reads_every_key_back() -> None:
    fields = {text: [text, {text: {}}] for text in TEXTS}
    assert read_by_kubectl(fields) == fields
    assert read_by_kubectl([{text: text, "a": 1} for text in fields]) == [{text: text, "a": 1} for text in fields]


def test_kubectl_reads_generated_texts_back() -> None:
    """Many at once, because starting kubectl costs more than reading."""
    drawn: list[str] = []
    letters = st.sampled_from("aZy01_.-+e:#,'\"\\ \n\t[]{}&*!|>%@`?~=<é\u2028") | st.characters(
        exclude_categories=["Cs"]
    )

    @settings(max_examples=300, database=None)
    @given(st.lists(st.text(letters, max_size=12), max_size=10))
    def draw(texts: list[str]) -> None:
        drawn.extend(texts)

    draw()
    assert drawn
    assert read_by_kubectl(drawn) == drawn
    assert read_by_kubectl([{text: text} for text in drawn]) == [{text: text} for text in drawn]


_text = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not (number.is_integer() and abs(number) < 2**63)
)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=examples(300))
@given(_values)
def test_any_value_is_read_back(value: Any) -> None:
    obj = {"apiVersion": "v1", "kind": "Box", "metadata": {"name": "box"}, "value": value}
    assert load(dump(obj), "written") == [obj]
    assert yaml.load(dump(obj), yaml.CSafeLoader) == obj


@given(st.lists(_values, max_size=4))
def test_documents_stay_apart(values: list[Any]) -> None:
    objects = [{"apiVersion": "v1", "kind": "Box", "metadata": {"name": "box"}, "value": value} for value in values]
    assert load(dump_all(objects), "written") == objects


@pytest.mark.parametrize("value", [[], {}, "text", 5, None, True, ["a", ["b", []], [[["c"]], {}]]])
def test_documents_of_any_type(value: Any) -> None:
    assert yaml.load(dump(value), yaml.CSafeLoader) == value


def test_a_long_key_is_read_back() -> None:
    long = "k" * 5000
    obj = {
        "apiVersion": "v1",
        "kind": "B",
        "metadata": {"name": "b"},
        "a": [{long: [1, {long: {long: "a\nb"}}], "z": {}}],
    }
    assert load(dump(obj), "written") == [obj]
    assert yaml.load(dump(obj), yaml.CSafeLoader) == obj


def test_it_looks_as_kubectl_writes_it() -> None:
    obj = {
        "kind": "Deployment",
        "spec": {"replicas": 2, "paused": False, "containers": [{"name": "a", "args": ["-c", "22:22"]}, {"name": "b"}]},
        "data": {
            "script": "#!/bin/sh\nexit 0\n",
            "note": "two words",
            "empty": "",
            "none": None,
            "list": [],
            "map": {},
        },
    }
    assert dump(obj) == (
        "kind: Deployment\n"
        "spec:\n"
        "  replicas: 2\n"
        "  paused: false\n"
        "  containers:\n"
        "  - name: a\n"
        "    args:\n"
        '    - "-c"\n'
        '    - "22:22"\n'
        "  - name: b\n"
        "data:\n"
        "  script: |\n"
        "    #!/bin/sh\n"
        "    exit 0\n"
        "  note: two words\n"
        '  empty: ""\n'
        "  none: null\n"
        "  list: []\n"
        "  map: {}\n"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), {1, 2}, b"bytes", object()])
def test_what_json_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(UnwritableError, match="is not a JSON"):
        dump({"value": value})

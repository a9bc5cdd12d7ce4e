"""Scalars, keys and documents mean what the real kubectl says they mean."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from harness import kubectl_reads
from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = "apiVersion: v1\nkind: Probe\nmetadata:\n  name: {name}\n"
REFUSED = "refused"

SCALARS = """
22:22|1:2:3|0777|0o777|0O17|0b101|-0b11|0x1F|0X1f|-0x1f|0x|0o8|08|09.5|1e3|1E3|1e+3|1e-3|-1e3|1_000|1_0.5_0|_1|+_1
+1|-1|+|-0|-0.0|.5|-.5|+.5|1.|1.0|1.5|.1_5|.1__5|._1|.1_|.1e1_0|.1_e1|.e1|1e400|-1e400|1e-400|12e03|0.1e1|1e20|1e21|1e22
9223372036854775807|9223372036854775808|-9223372036854775808|-9223372036854775809|18446744073709551615
18446744073709551616|4611686018427387904.0|9007199254740993.0|123456789012345678901234567890
2001-01-01|2001-1-1|2001-01-01T00:00:00Z|2001-12-14 21:59:43.10|2001-13-45
y|Y|yes|Yes|YES|yEs|n|N|no|on|On|ON|off|Off|true|True|TRUE|tRUE|false|t|f|null|Null|NULL|nULL|~|~~|none
.inf|.Inf|-.inf|+.INF|.nan|.NaN|.NAN|-.nan|inf|nan|Infinity|.|..|...x|-.|+.
'22:22'|"y"|"\\u00e9\\x41\\t"|''|'it''s'|"a\\
  b"|a#b|a #b|a: b|http://a/b:c|@a|`a|%a|!x y|! 1|!!str 1|!!int "12"|!!int 1.5|!!int y|!!float 1|!!float x|!!bool yes
!!bool 1|!!null x|!!null ''|!!binary aGk=|!!binary "a"|!!binary /w==|!!timestamp 2001-01-01|!!timestamp x
!custom 1|!!map {a: 1}|!!seq [1]|!!set {a}|!!omap [a: 1]|!<tag:yaml.org,2002:int> 7
0b-1|0b+1|-0b-1|0b2|0_7|0x_1F|1__0|1e1_0|0.0|00|000|0e0|=|<<|é|\u200b|a\\b|C:\\x|1,000|1.2.3|1-2|--1|++1|1+1|1e|e1|1e1e1
{}|[]|{a: 1, b: [1, 2]}|[a, 'b', {c: d}]|{a}|[a: b]|{a: }|[]#x|{1: a, 1.5: b, true: c}|[,]|{,}
|"""

KEYS = """
a|'a'|"a b"|1|01|0x10|1.5|1.0|0.1|1e3|1e21|1234567.0|100000.5|0.00001|123456789.5|y|on|true|no|null|~|22:22|2001-01-01
.inf|-.inf|.nan|!!str 1|!!int "3"|18446744073709551615|9223372036854775807|é|a.b/c|"1"|-1|-1.5|+1|1_0|<<x
? a|[a]|{a: 1}|*x|16777217.0|3.4028236e+38|1e-50
"""

DOCUMENTS = {
    "duplicate keys": "v: 1\nv: 2\n",
    "duplicate keys at depth": "v: {a: {x: 1}, a: {y: 2}}\n",
    "anchors": "a: &x {b: [1, 2]}\nv: *x\nw: [*x, *x]\n",
    "anchored scalars": "a: &x 1e3\nb: *x\nc: &y '1e3'\nd: *y\n*y : *x\n",
    "anchor given twice": "a: &x 1\nb: *x\nc: &x 2\nd: *x\n",
    "unknown alias": "a: *x\n",
    "anchor that contains itself": "a: &x [*x]\n",
    "merge": "a: &x {b: 1, c: 2}\nv: {<<: *x, c: 3}\n",
    "merge after the key": "a: &x {b: 1, c: 2}\nv: {c: 3, <<: *x}\n",
    "merge a list": "a: &x {b: 1, c: 2}\ny: &y {c: 5, d: 6}\nv: {<<: [*x, *y], d: 7}\n",
    "merge written out": "v: {<<: {a: 1}, b: 2}\n",
    "merge twice": "v: {<<: {a: 1}, <<: {a: 2, b: 3}}\n",
    "merge of text": "v: {<<: text}\n",
    "merge of an aliased list": "a: &x [{b: 1}]\nv: {<<: *x}\n",
    "merge key in quotes": "v: {'<<': {a: 1}}\n",
    "merge deep": "a: &x {n: {p: 1}}\nv: {<<: *x, n: {q: 2}}\n",
    "block scalars": "a: |\n  x\n   y\n\n  z\nb: >\n  x\n  y\n\n  z\nc: |-\n  x\nd: |+\n  x\n\ne: |2\n    x\n",
    "block scalar at the end": "v: |\n  x",
    "separator in a block scalar": "v: |\n  a\n  ---\n  b\n",
    "CRLF": "v: |\r\n  a\r\n  b\r\nw: x\r\n",
    "comments": "# one\nv: 1 # two\n# three\n",
    "tab": "v:\n\ta: 1\n",
    "tab after the colon": "v:\t1\n",
    "plain over lines": "v: a\n  b\n\n  c\n",
    "quoted over lines": "v: \"a\n  b\n\n  c \\\n  d\"\nw: 'a\n  b'\n",
    "a sequence not indented": "v:\n- 1\n- 2\n",
    "sequences in sequences": "v:\n- - 1\n  - 2\n-\n  - 3\n",
    "long key": f"{'k' * 1020}: 1\n",
    "too long key": f"{'k' * 1100}: 1\n",
    "explicit key": "? v\n: 1\n",
    "document end": "v: 1\n...\n",
    "control character": "v: a\x01b\n",
    "delete character": "v: a\x7fb\n",
    "emoji": "v: 😀\n",
    "escaped surrogates": 'v: "\\ud83d\\ude00"\n',
    "unclosed": "v: [1, 2\n",
    "no space behind the colon": "v:1\n",
    "nulls": "a:\nb: ~\nc: {d: , e: null}\n",
    "nested flow": "v: {a: {b: {c: [[[1]]]}}}\n",
    "question mark": "v: ?x\nw: a?b\n",
    "dash": "v: -x\nw: - x\n",
}

SOURCES = {
    "leading separator": b"---\n" + HEAD.format(name="s1").encode(),
    "empty documents": b"---\n---\n# nothing\n---\n" + HEAD.format(name="s2").encode() + b"---\n\n---\n",
    "separator with comment": HEAD.format(name="s3").encode() + b"--- # next\n" + HEAD.format(name="s4").encode(),
    "separator with text": b"--- {a: 1}\n" + HEAD.format(name="s5").encode(),
    "four dashes": b"----\n" + HEAD.format(name="s6").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + HEAD.format(name="s7").encode(),
    "directive": b"%YAML 1.1\n---\n" + HEAD.format(name="s8").encode(),
    "JSON": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s9"},"v":1.0,"w":1e3,"x":"\\ud83d\\ude00"}',
    "JSON stream": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s10"}}\n{"apiVersion":"v1","kind":"Probe",'
    b'"metadata":{"name":"s11"},"v":9223372036854775808}',
    "JSON then YAML": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s12"}}\n---\n'
    + HEAD.format(name="s13").encode(),
    "JSON duplicate keys": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s14"},"v":{"a":1},"v":{"b":2}}',
    "flow mapping": b"{apiVersion: v1, kind: Probe, metadata: {name: s15}, v: 0777}\n",
    "list": b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Probe, metadata: {name: s16}, v: y}\n"
    b"- {apiVersion: v1, kind: Probe, metadata: {name: s17}}\n",
    "typed list": b"apiVersion: v1\nkind: ProbeList\nitems:\n- metadata: {name: s18}\n",
    "UTF-16": "\ufeffapiVersion: v1\nkind: Probe\nmetadata: {name: s19}\nv: é\n".encode("utf-16-le"),
    "empty list": b"apiVersion: v1\nkind: List\nitems: []\n",
    "no kind": b"apiVersion: v1\nmetadata: {name: s20}\n",
    "text": b"hello\n",
    "almost JSON": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s22"},"v":NaN,"w":1_0,}',
    "JSON number out of range": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s23"},"v":1e400}',
    "JSON lone surrogate": b'{"apiVersion":"v1","kind":"Probe","metadata":{"name":"s21"},"v":"\\ud83d"}',
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with kubectl_reads.discovery() as url:
        yield url


def by_name(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The objects without the namespace that kubectl adds."""
    found = {}
    for obj in objects:
        metadata = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
        found[metadata["name"]] = {**obj, "metadata": metadata}
    return found


def ours(data: bytes) -> list[dict[str, Any]] | str:
    try:
        return documents.load(data, "test")
    except ManifestError:
        return REFUSED


def compare(files: dict[str, bytes], folder: Path, server: str) -> list[str]:
    """What differs: an object for each file, named as the file."""
    theirs = by_name(kubectl_reads.read(files, folder, server))
    differences = []
    for name, data in files.items():
        own = ours(data)
        mine: Any = own if isinstance(own, str) else by_name(own).get(name, REFUSED)
        if not same(mine, theirs.get(name, REFUSED)):
            differences.append(f"{data!r}: kubectl {theirs.get(name, REFUSED)}, here {mine}")
    return differences


def same(mine: Any, theirs: Any) -> bool:
    """Equal, with numbers told from booleans and, where kubectl prints one without a fraction, integers from floats."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(same(a, b) for a, b in zip(mine, theirs, strict=True))
    if isinstance(mine, float) and isinstance(theirs, int) and not isinstance(theirs, bool):
        return mine == float(theirs) and abs(mine) >= 2**63
    return type(mine) is type(theirs) and bool(mine == theirs)


def with_heads(bodies: list[str]) -> dict[str, bytes]:
    names = [f"c{index}" for index in range(len(bodies))]
    return {
        name: (HEAD.format(name=name) + body).encode("utf-8", "surrogateescape")
        for name, body in zip(names, bodies, strict=True)
    }


def cases(text: str) -> list[str]:
    return [case for line in text.strip("\n").split("\n") for case in line.split("|")]


# kubectl takes these: it reads ``a:`` as text, replaces what is not UTF-8, and ignores a second document and whatever
# else stands behind the first one. Refusing them is safe: nobody is misread.
STRICTER = {
    "v: {a:}\n": "line 5: is not YAML",
    "v: \udcff\n": "line 5: byte 0xff is not UTF-8",
    "v: 1\n...\nv: 2\n": "line 7: is not YAML: more text follows the document's end",
    "v: 1\n...\n%x\n": "is not YAML",
    "v: 1\n\ufeffw: 1\n": "line 6: has a byte-order mark",
}


def test_values_mean_what_kubectl_says(tmp_path: Path, server: str) -> None:
    texts = [case for line in SCALARS.replace("\\\n", "\\\0").split("\n") for case in line.split("|")]
    bodies = [f"v: {text}\n".replace("\\\0", "\\\n") for text in texts]
    assert len(bodies) > 170
    assert compare(with_heads(bodies), tmp_path, server) == []


def test_keys_mean_what_kubectl_says(tmp_path: Path, server: str) -> None:
    assert compare(with_heads([f"{key}: x\n" for key in cases(KEYS)]), tmp_path, server) == []


def test_documents_mean_what_kubectl_says(tmp_path: Path, server: str) -> None:
    assert compare(with_heads(list(DOCUMENTS.values())), tmp_path, server) == []


def test_sources_are_cut_as_kubectl_cuts_them(tmp_path: Path, server: str) -> None:
    theirs: dict[str, Any] = {}
    for index, (name, data) in enumerate(SOURCES.items()):
        folder = tmp_path / str(index)
        folder.mkdir()
        theirs[name] = by_name(kubectl_reads.read({"source": data}, folder, server))
    mine = {}
    for name, data in SOURCES.items():
        own = ours(data)
        mine[name] = {} if isinstance(own, str) else by_name(own)
    # kubectl has printed what stands before a mistake; here nothing of a source with a mistake is used.
    assert {name: sorted(found) for name, found in theirs.items() if not same(mine[name], found)} == {}


def test_generated_scalars_mean_what_kubectl_says(tmp_path: Path, server: str) -> None:
    """Put together from the parts that number, boolean and date formats are made of."""
    parts = (
        *("0", "1", "7", "9", "12", "_", "0x", "0b", "0o", "0X", "e", "E", "+", "-", ".", "inf", "nan", "y", "no"),
        *("on", "true", "null", "~", ":", "T", "Z", "a", "F", "2001", "-01-", "9223372036854775807", "308", "'", '"'),
        *("!!int ", "!!float ", "!!str ", "!!bool ", "!x ", "<<", "=", " ", "*", "&"),
    )
    numbers = random.Random(20260101)
    texts = ["".join(numbers.choice(parts) for _ in range(numbers.randint(1, 5))) for _ in range(3000)]
    assert compare(with_heads([f"v: {text}\n" for text in texts]), tmp_path, server) == []


@pytest.mark.parametrize("body", STRICTER)
def test_what_kubectl_would_misread_is_refused_with_its_place(body: str) -> None:
    data = (HEAD.format(name="a") + body).encode("utf-8", "surrogateescape")
    with pytest.raises(ManifestError, match=STRICTER[body]) as caught:
        documents.load(data, "ConfigMap a, key b")
    assert str(caught.value).startswith("ConfigMap a, key b, ")


def test_lists_in_lists_are_taken_apart() -> None:
    """kubectl refuses these."""
    inner = "apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Probe, metadata: {name: a}}\n"
    source = f"apiVersion: v1\nkind: List\nitems:\n- {inner}"
    assert [obj["metadata"]["name"] for obj in documents.load(source, "x")] == ["a"]

"""Values are read as they were written, whatever YAML would make of them."""

import contextlib
import json
import time
import tracemalloc
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.license import LicenseError
from kotsapp.license.document import MAX_VALUES, number, parse_json, parse_yaml


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("25", 25),
        ("-3", -3),
        ("1.232435e+06", 1232435),
        ("1e3", 1000),
        ("100.0", 100),
        ("9223372036854775807", 2**63 - 1),
        # What readers of YAML disagree about, or what a number can't hold, stays text.
        ("9223372036854775808", "9223372036854775808"),
        ("1.5", "1.5"),
        ("1e400", "1e400"),
        ("1e999999999", "1e999999999"),
        ("9" * 5000, "9" * 5000),
        ("0123", "0123"),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("22:22", "22:22"),
        ("yes", "yes"),
        ("y", "y"),
        ("on", "on"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("<<", "<<"),
        ("=", "="),
        ('"25"', "25"),
        ("'true'", "true"),
        ("|-\n  two\n  lines", "two\nlines"),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]),
    ],
)
def test_a_yaml_value_is_not_bent(written: str, value: Any) -> None:
    assert parse_yaml(f"value: {written}\n".encode()) == {"value": value}
    assert [type(item) for item in parse_yaml(f"value: {written}\n".encode()).values()] == [type(value)]  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["yes", "1", "null", "2026-01-01", "<<"])
def test_keys_are_text(key: str) -> None:
    assert parse_yaml(f"{key}: x".encode()) == {key: "x"}


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfkind: License\r\n", b"%YAML 1.1\n---\nkind: License\n...\n", b"--- {kind: License}\n---\n"]
)
def test_windows_files_and_document_marks_are_read(data: bytes) -> None:
    assert parse_yaml(data) == {"kind": "License"}


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_thirty_two_levels_are_read_and_no_more(opening: str) -> None:
    closing = {"[": "]", "{a: ": "}"}[opening]
    value = parse_yaml((opening * 32 + closing * 32).encode())
    assert json.dumps(value).count("[") + json.dumps(value).count("{") == 32
    with pytest.raises(LicenseError, match="deeper than 32 levels"):
        parse_yaml((opening * 33 + closing * 33).encode())


@pytest.mark.parametrize("value", ["1", "[]", "{}", '""'])
def test_twenty_thousand_values_are_read_and_no_more(value: str) -> None:
    def listed(count: int) -> bytes:
        return f"[{','.join([value] * count)}]".encode()

    assert len(cast("list[Any]", parse_json(listed(MAX_VALUES - 1)))) == MAX_VALUES - 1
    assert len(cast("list[Any]", parse_yaml(listed(MAX_VALUES - 1)))) == MAX_VALUES - 1
    with pytest.raises(ValueError, match=r"^it has more than 20,000 values"):
        parse_json(listed(2 * MAX_VALUES + 1))
    with pytest.raises(LicenseError, match=r"more than 20,000 values at line 1, column"):
        parse_yaml(listed(2 * MAX_VALUES))


@pytest.mark.parametrize("data", [b"[" + b"1," * 500_000 + b"1]", b"[" + b"{}," * 340_000 + b"{}]", b"---\n" * 262_000])
def test_what_is_read_of_a_license_of_many_values_is_little(data: bytes) -> None:
    tracemalloc.start()
    with contextlib.suppress(LicenseError):
        parse_yaml(data)
    with pytest.raises(ValueError, match=r"^it (has more than|is not JSON)"):
        parse_json(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 8 * len(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(json_values)
def test_json_is_read_as_it_is(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


plain_text = st.text("aZ09 .:-_{}[]#&*!|>'\"%@`,?\\/ü中", max_size=20)
quoted_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(plain_text, quoted_values, min_size=1))
def test_json_is_yaml(value: dict[str, Any]) -> None:
    assert parse_yaml(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.integers(-(10**20), 10**20))
def test_integers_of_64_bits_are_exact_in_every_spelling(value: int) -> None:
    expected: int | str = value if -(2**63) <= value < 2**63 else str(value)
    assert number(str(value)) == expected
    digits = f"{abs(value)}"
    mantissa = f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:] or '0'}e+{len(digits) - 1:02}"
    if isinstance(expected, int):
        assert number(mantissa) == value


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1024 * 1024,
        b"{" * 1024 * 1024,
        b'"\\' * 512 * 1024,
        b'\\"' * 512 * 1024,
        b"[]," * 300 * 1024,
        b"- " * 512 * 1024,
        b"? " * 512 * 1024,
        b"a:\n " * 250 * 1024,
    ],
)
def test_hostile_text_of_the_greatest_size_takes_moderate_time(data: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(LicenseError):
        parse_yaml(data)
    with pytest.raises(ValueError, match=r"^it (is|has) "):
        parse_json(data)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("written", ["1e9999999999999999999", "-1e-9999999999999999999", "1E+99999999999999999999"])
def test_a_number_beyond_all_bounds_stays_as_it_is_written(written: str) -> None:
    assert parse_json(written.encode()) == written

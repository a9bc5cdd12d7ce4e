"""Ranges pick what Helm picks: its own engine answers the same questions."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.charts import helm
from kotsapp.sources.semver import InvalidRangeError, Range, Version, parse, tolerant

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = ("0", "1", "2", "10")
PRE_RELEASES = ("", "-0", "-1", "-alpha", "-alpha.1", "-alpha.beta", "-beta.2", "-beta.11", "-rc.1+b", "+build")
VERSIONS = [
    f"{major}.{minor}.{patch}{pre}"
    for major, minor, patch in itertools.product(NUMBERS, NUMBERS, ("0", "1", "3"))
    for pre in ("", "-beta.2")
] + [f"1.2.3{pre}" for pre in PRE_RELEASES]
OPERATORS = ("", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")
LOOSE = (
    *("*", "x", "0", "1", "1.x", "1.*", "2.X", "0.x", "1.2", "0.0", "0.2", "1.2.x", "0.0.x", "1.0.0", "0.0.0", "0.0.3"),
    *("0.2.3", "1.2.3", "v1.2", "1.2.3-beta.2", "1.2-beta.2", "1-0", "1.2.3+meta", "0.0.0-0", "*-0", "10.2"),
)
COMPOUND = (
    ">=1.2 <2", ">=1.2, <2", ">= 1.2 , < 2.0.0", "1.0 - 2.0", "1.2.3 - 2.3.4", "1.2 - 2", "<1 || >=2", "^1 || ^10",
    "~1.2 || 2.x", ">=1.0.0-0 <2", ">=1.2.0-beta.1, <1.2.4", "1.x,   !=1.2.3",
    " >=  1.2\t<2 ", "1.2.3 || 1.2.3-beta.2", "1 2",
)  # fmt: skip
_TEMPLATE = (
    "{{ range $c := .Values.ranges }}{{ range $v := $.Values.versions }}{{ if semverCompare $c $v }}1{{ else }}0"
)
_TEMPLATE += "{{ end }}{{ end }},{{ end }}"


def real(ranges: list[str], versions: list[str], folder: Path) -> list[list[bool]]:
    """What helm's engine says of each range and version."""
    chart = folder / "oracle"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: oracle\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text(json.dumps({"ranges": ranges, "versions": versions}))
    (chart / "templates" / "NOTES.txt").write_text("")
    (chart / "templates" / "a.yaml").write_text(f'answer: "{_TEMPLATE}"')
    answer = subprocess.run([helm(), "template", chart], capture_output=True, text=True, check=True, timeout=120).stdout
    rows = answer.partition('"')[2].rpartition('"')[0].strip(",").split(",")
    return [[mark == "1" for mark in row] for row in rows]


def test_every_kind_of_range_holds_for_what_it_holds_for_in_helm(tmp_path: Path) -> None:
    ranges = [f"{operator}{loose}" for operator in OPERATORS for loose in LOOSE] + list(COMPOUND)
    answers = real(ranges, VERSIONS, tmp_path)
    ours = [[Range.parse(one).holds(parsed(version)) for version in VERSIONS] for one in ranges]
    wrong = [
        (one, version, expected)
        for one, expected_row, row in zip(ranges, answers, ours, strict=True)
        for version, expected, found in zip(VERSIONS, expected_row, row, strict=True)
        if expected != found
    ]
    assert not wrong, (len(wrong), wrong[:20])


def test_ranges_put_together_at_random_too(tmp_path: Path) -> None:
    draw = random.Random(18)

    def one() -> str:
        parts = [draw.choice(OPERATORS) + draw.choice(LOOSE) for _ in range(draw.randint(1, 3))]
        return draw.choice((" ", ", ", " || ")).join(parts)

    ranges = [one() for _ in range(200)]
    answers = real(ranges, VERSIONS, tmp_path)
    ours = [[Range.parse(one).holds(parsed(version)) for version in VERSIONS] for one in ranges]
    assert [r for r, a, b in zip(ranges, answers, ours, strict=True) if a != b] == []


def parsed(text: str) -> Version:
    version = parse(text)
    assert version is not None, text
    return version


@pytest.mark.parametrize(
    "text", ["", " ", "latest", "1.2.3.4", ">", "1.2 ||", "a || 1", "1..2", ">=1.2 && <2", "> 1 - 2", "9" * 300]
)
def test_what_is_no_range_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidRangeError, match=r"is neither a version nor a range of versions such as 1\.4\.2, 1\.x"):
        Range.parse(text)


NO_VERSIONS = ["", "latest", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3.4", "v", "1.2.3 ", "9" * 30 + ".0.0"]


@pytest.mark.parametrize("text", NO_VERSIONS)
def test_what_is_no_whole_version_is_none(text: str) -> None:
    assert parse(text) is None


TAGS = ["latest", "1.0.0", "v1.10.0", "1.9.0", "2.0.0-rc.1", "1.10.1-beta", "sha-abc", "1.2", "0.9.0", "1.9.0+b"]


@pytest.mark.parametrize(
    ("range_", "picked"),
    [
        ("*", "v1.10.0"),
        ("1.x", "v1.10.0"),
        ("<1.10", "1.9.0+b"),
        ("~0.9", "0.9.0"),
        (">=1.10.1-0", "2.0.0-rc.1"),
        ("~1.10.1-0", "1.10.1-beta"),
        (">=3", None),
    ],
)
def test_the_newest_is_picked_by_precedence_and_no_prerelease_unless_asked_for(range_: str, picked: str | None) -> None:
    version = Range.parse(range_).newest(TAGS)
    assert (version.text if version else None) == picked


@pytest.mark.parametrize(
    "text", ["1  " * 84 + "!", "1 , " * 63 + "!", "- 1 " * 63 + "-", "a-" * 127, "1.1-" + "a." * 120]
)
def test_what_can_be_read_in_many_ways_is_not_tried_in_all(text: str) -> None:
    """It would take for ever: 2 to the power of 80 ways."""
    with pytest.raises(InvalidRangeError):
        Range.parse(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2", "1.2.0"),
        (" 2 ", "2.0.0"),
        ("1.02.003", "1.2.3"),
        ("1.2.3-rc.1+build", "1.2.3-rc.1"),
        ("1.2-rc.1", None),
        ("nightly", None),
        ("1.2.3.4", None),
        ("", None),
        ("1" * 5000, None),
    ],
)
def test_labels_of_releases_are_read_as_vendors_write_them(text: str, same: str | None) -> None:
    assert tolerant(text) == (parse(same) if same else None)

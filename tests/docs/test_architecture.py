"""docs/ARCHITECTURE.md: the rooms that it lists are those that there are, and its files are where it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "kotsapp"
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
FILES = sorted(set(re.findall(r"(?<![\w/])[a-z_]+/[a-z_]+\.py\b", PAGE)))
# As the house has it: with more of its own words nobody reads a project.
MAX_WORDS = 15


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    return [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("|")][2:]


def test_every_room_is_listed_and_drawn() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    listed = set(re.findall(r"`(\w+)`", " ".join(first_cells(section("The rooms")))))
    drawn = set(re.findall(r"[a-z]+", PAGE.partition("```\n")[2].partition("```")[0]))

    assert rooms - listed == set()
    assert rooms - drawn == set()
    assert {
        name for name in listed if not (PACKAGE / name).is_dir() and not (PACKAGE / f"{name}.py").is_file()
    } == set()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_where_the_page_says(name: str) -> None:
    assert (PACKAGE / name).is_file()


STEPS = [
    (step.strip(), re.findall(r"[a-z_]+/[a-z_]+\.py", rest))
    for step, arrow, rest in (line.partition("──►") for line in section("One reconciliation").splitlines())
    if arrow and ".py" in rest
]


@pytest.mark.parametrize(("step", "files"), STEPS, ids=[step for step, _ in STEPS])
def test_a_step_of_a_reconciliation_is_in_the_file_that_the_page_says(step: str, files: list[str]) -> None:
    code = "\n".join((PACKAGE / name).read_text() for name in files)
    names = [name.rpartition(".")[2] for name in step.split(", ")]
    assert [name for name in names if not re.search(rf"\b(?:def|class) {name}\b", code)] == []


def test_the_words_of_the_house_are_few() -> None:
    assert 0 < len(first_cells(section("Glossary"))) <= MAX_WORDS

"""A block of template calls may span documents: the reference fills in a file as a whole (DESIGN 6.3)."""

import pytest

from kotsapp.manifests.budget import Budget
from kotsapp.release import raw
from kotsapp.release.files import TextFile
from kotsapp.release.raw import RawDocument, Texts

FIRST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n"
SECOND = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: second}\n"
CONFIG = "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec: {groups: []}\n"
IF, END = '{{repl if ConfigOptionEquals "a" "b"}}\n', "{{repl end}}\n"


def documents(text: str) -> list[RawDocument]:
    return raw.split_documents([TextFile("app.yaml", "app.yaml", text)])


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (f"{FIRST}---\n{SECOND}", 2),
        (f"{FIRST}{IF}---\n{SECOND}{END}", 1),
        (f"{IF}{FIRST}---\n{SECOND}{END}---\n{FIRST}", 2),
        (f"{FIRST}---\n{IF}{SECOND}{END}", 2),
        (f"{FIRST}{IF}---\n{CONFIG}---\n{SECOND}{END}", 3),
        (f"{FIRST}{IF}---\n{SECOND}", 2),
    ],
    ids=["none", "from one to the next", "two and one", "inside of one", "never over KOTS's own", "without an end"],
)
def test_documents_that_a_block_spans_are_one_text(text: str, units: int) -> None:
    assert len(documents(text)) == units


def test_lines_stay_where_they_stood_and_what_comes_out_is_documents_again() -> None:
    [unit] = documents(f"{FIRST}{IF}---\n{SECOND}{END}")
    assert unit.to_fill

    filled = unit.chunk.text.replace(IF, "\n").replace(END, "\n")
    found = Texts(Budget()).read(unit, filled)

    assert [document.value["metadata"]["name"] for document in found] == ["first", "second"]
    assert [document.place.line for document in found] == [1, 6]


def test_what_a_block_leaves_out_is_no_document() -> None:
    [unit] = documents(f"{FIRST}{IF}---\n{SECOND}{END}")

    [only] = Texts(Budget()).read(unit, FIRST)

    assert only.value["metadata"]["name"] == "first"

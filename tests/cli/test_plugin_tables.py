"""``kubectl kotsapp``: tables, on a terminal of any width and in a pipe."""

from collections.abc import Callable

import pytest

from harness.cluster import fake_cluster
from harness.plugin import IMAGES, condition, put_app, run
from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.terminal import fitted
from kotsapp.cli.plugin.tones import Tone

ROWS = [("quay.io/my-org/api:v1", "Private", "a message that is rather long, and would not fit into a line")]


@pytest.mark.parametrize("width", [30, 60, 80, 160])
def test_a_table_is_no_wider_than_the_terminal_and_loses_no_word(width: int) -> None:
    shown = fitted(("IMAGE", "VERDICT", "MESSAGE"), ROWS, width)
    assert max(map(len, shown.splitlines())) <= width
    assert set(" ".join(ROWS[0]).split()) <= set(shown.split())


def test_in_a_pipe_a_row_is_one_plain_line() -> None:
    shown = fitted(("IMAGE", "VERDICT", "MESSAGE"), ROWS)
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str, coloured: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    shown = fitted(("CONDITION", "STATUS"), [("Ready", tones.verified("False"))])
    assert ("\x1b[31mFalse\x1b[0m" in shown) is coloured
    assert shown.splitlines()[1].startswith("Ready  ")


@pytest.mark.parametrize(
    ("type_", "status", "tone"),
    [
        ("Ready", "True", Tone.GOOD),
        ("Ready", "False", Tone.BAD),
        ("Ready", "Unknown", Tone.BUSY),
        ("Stalled", "True", Tone.BAD),
        ("Reconciling", "True", Tone.BUSY),
        ("Suspended", "True", Tone.BUSY),
        ("LicenseValid", "False", Tone.BAD),
    ],
)
def test_true_is_no_good_news_of_a_condition_that_says_what_is_wrong(type_: str, status: str, tone: Tone) -> None:
    assert [one.tone for one in tones.condition(type_, status, "SomeReason")] == [tone, tone]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    monkeypatch.setattr("kotsapp.cli.plugin.terminal.is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize(
    "words", [["get", "-A"], ["get"], ["status", "shop"], ["images", "shop"], ["why", "shop", "far"]]
)
async def test_what_is_shown_fits_the_terminal(
    words: list[str], columns: int, terminal: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    api = fake_cluster()
    long = "quay.io/my-org/lost:v1 (Deployment/lost): check name and tag: quay.io knows no such image, and so on"
    conditions = [condition("Ready", "False", "ImagesUndecided", long), condition("Stalled", "True", "Why", "more")]
    put_app(api, images=IMAGES, conditions=conditions, imageSummary={"total": 4, "proxied": 2})
    terminal(columns)
    await run(api, *words)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "message " not in {line.strip()[:8] for line in lines} or words[0] == "images"


def test_a_long_name_begins_a_line_and_columns_without_anything_are_left_out() -> None:
    name = "registry.example.com/" + "a" * 70
    shown = fitted(("NAME", "EMPTY", "MESSAGE"), [("web", "", f"it is {name} that is not there")], 60)
    assert name[:20] in [line.strip()[:20] for line in shown.splitlines()]
    assert max(map(len, shown.splitlines())) <= 60
    assert "EMPTY" not in shown


@pytest.mark.parametrize("width", [None, 30, 60])
def test_what_others_wrote_steers_no_terminal(width: int | None) -> None:
    assert "\x1b" not in fitted(("IMAGE", "MESSAGE"), [("a", "bad \x1b[2J thing that is long enough to wrap")], width)


async def test_nor_does_it_in_what_is_known_of_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    put_app(api, images=[{"image": "a:1", "verdict": "Error", "message": "bad \x1b[2J"}])
    await run(api, "why", "shop", "a:1")
    assert "\x1b" not in capsys.readouterr().out

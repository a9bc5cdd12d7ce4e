"""What the command line says of itself: at once, in plain words, and to a shell that completes it."""

import re
import shlex
import subprocess
import sys
from argparse import ArgumentTypeError

import pytest

from harness.running import ROOT
from kotsapp.cli import main, parser
from kotsapp.cli.commands import COMMANDS, PLUGIN_VERBS
from kotsapp.cli.durations import period, seconds, waiting
from kotsapp.cli.examples import EXAMPLES
from kotsapp.cli.plugin.arguments import VERBS

HEAVY = ("kopf", "httpx", "kubernetes", "yaml", "cryptography", "aiohttp")
# Each takes about a millisecond to load, and a person waits for 150.
MAX_MODULES = 100


HELP = [["--help"], *[[name, "--help"] for name in COMMANDS], ["license", "verify", "--help"]]


@pytest.mark.parametrize("words", [*HELP, ["--version"]], ids=" ".join)
def test_help_and_version_import_no_library(words: list[str]) -> None:
    """Each of them takes longer than all of Python."""
    code = f"""
import sys
before = len(sys.modules)
from kotsapp.cli import main, parser
try:
    main({words!r})
except SystemExit:
    print("heavy:", [name for name in {HEAVY!r} if name in sys.modules], len(sys.modules) - before < {MAX_MODULES})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "operator")}, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "heavy: [] True", done.stderr


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS], ["license", "verify"], ["license", "sign"]])
def test_help_is_plain_words(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    captured = capsys.readouterr().out
    assert ended.value.code == 0
    assert "``" not in captured
    assert set(COMMANDS) <= set(captured.split()) if not command else f"kotsapp {' '.join(command)}" in captured


def test_each_command_has_an_example() -> None:
    assert COMMANDS.keys() <= EXAMPLES.keys()


@pytest.mark.parametrize("command", EXAMPLES)
def test_each_command_ends_its_help_with_an_example_that_it_takes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    _, _, shown = capsys.readouterr().out.partition("\nExample")
    lines = [line.strip() for line in shown.splitlines()[1:]]
    assert lines == list(EXAMPLES[command])
    for line in lines:
        (words,) = re.findall(r"(?:^|[|(] ?)kotsapp ([^|>)]*)", line)
        top = parser([words.split()[0]])
        top.parse_args(shlex.split(words))


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_bash_completes_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out.replace("autoload", ": autoload").replace("bashcompinit\n", "true\n")
    for line, number, expected in (
        ("kotsapp ren", 1, "render"),
        ("kotsapp render --kust", 2, "--kustomize"),
        ("kotsapp license veri", 2, "verify"),
    ):
        asked = f'COMP_WORDS=({line}); COMP_CWORD={number}; _kotsapp; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True, check=False)
        assert done.stdout.split() == [expected], done.stderr


def test_fish_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("-a render" in line for line in lines)
    assert any("__fish_seen_subcommand_from render" in line and "-l kustomize" in line for line in lines)


@pytest.mark.parametrize(("text", "expected"), [("10", 10), ("90s", 90), ("1m30s", 90), ("10m", 600), ("0.5", 0.5)])
def test_a_timeout_is_a_duration(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("10m", 600), ("2h", 7200)])
def test_waiting_takes_as_long_as_an_app_takes(text: str, expected: float) -> None:
    assert waiting(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("30d", 30 * 86400), ("12h", 12 * 3600)])
def test_a_period_may_be_days(text: str, expected: float) -> None:
    assert period(text).total_seconds() == expected


@pytest.mark.parametrize("text", ["30", "0d", "30x", ""])
def test_a_period_has_a_unit(text: str) -> None:
    """Whoever types 30 for a license's last days means no seconds."""
    with pytest.raises(ArgumentTypeError, match="such as 30d or 12h"):
        period(text)


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["rendr"], "did you mean render?"),
        (["template"], "did you mean render?"),
        (["status"], "kubectl kotsapp status NAME"),
        (["xyzzy"], "--help lists those that there are"),
        ([], "commands:"),
    ],
)
def test_what_there_is_not_is_bad_usage_with_what_was_meant(
    words: list[str], reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert reported in said.err
    assert said.out == ""


@pytest.mark.parametrize("words", [["help"], ["help", "lint"], ["version"]])
def test_help_and_version_are_words_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert " ".join(["kotsapp", *words[1:]]) in capsys.readouterr().out


def test_the_plugins_verbs_are_known_here() -> None:
    assert PLUGIN_VERBS == VERBS

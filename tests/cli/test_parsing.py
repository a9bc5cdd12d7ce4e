"""What is said of arguments that a command does not take: one line, of that command, with where to read on."""

import pytest

from kotsapp.cli import main
from kotsapp.cli.plugin.arguments import parse


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["lint", "release/", "--failon", "note"],
            "kotsapp lint: there is no option --failon (did you mean --fail-on?)",
        ),
        (["lint", "release/", "--frobnicate=1"], "kotsapp lint: there is no option --frobnicate"),
        (["lint", "release/", "-x"], "kotsapp lint: there is no option -x"),
        (
            ["license", "verify", "a", "--witin", "1d"],
            "kotsapp license verify: there is no option --witin (did you mean --within?)",
        ),
        (["completion", "bash", "zsh"], "kotsapp completion: 'zsh' is one argument too many"),
        (["render", "-f", "release/"], "kotsapp render: the following arguments are required: --license"),
        (["license"], "kotsapp license: the following arguments are required: COMMAND"),
        (["lint", "release/", "--\x1b[2J"], "kotsapp lint: there is no option --\\x1b[2J"),
    ],
)
def test_bad_usage_is_one_line_of_the_command_that_it_is_about(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert line.startswith(said)
    assert line.endswith(f"; see '{said.partition(':')[0]} --help'\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "--watch"], "kubectl kotsapp get: there is no option --watch; see 'kubectl kotsapp get --help'\n"),
        (
            ["status", "shop", "--contxt", "c"],
            (
                "kubectl kotsapp status: there is no option --contxt (did you mean --context?); "
                "see 'kubectl kotsapp status --help'\n"
            ),
        ),
        (
            ["why", "-n", "apps"],
            "kubectl kotsapp why: the following arguments are required: IMAGE; see 'kubectl kotsapp why --help'\n",
        ),
        (
            ["-n", "apps"],
            "kubectl kotsapp: the following arguments are required: COMMAND; see 'kubectl kotsapp --help'\n",
        ),
    ],
)
def test_the_plugin_says_it_alike(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == said

"""docs/cli.md: its commands are commands, its rules those that there are."""

import re
import shlex

import pytest

from harness.shipped import DEPLOY
from kotsapp.cli import parser
from kotsapp.lint.findings import RULES

PAGE = (DEPLOY.parent / "docs" / "cli.md").read_text()
COMMANDS = sorted(set(re.findall(r"(?:^\$ |run: |script: |`)(kotsapp \w+ [^`\n>]*[^`\n> ])", PAGE, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one(line: str) -> None:
    words = shlex.split(line.replace("…", ""))[1:]
    parser([words[0]]).parse_args(words)


def test_the_table_of_rules_is_whole() -> None:
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE.split("## Rules")[1], re.MULTILINE)) == RULES

"""`make demo`, README's first command: it ends by itself, and prints what README shows."""

import os
import re
import subprocess
import sys

from harness.running import ROOT

README = (ROOT / "README.md").read_text()
# What differs from run to run.
_VARIES = ((r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"), (r"\b\d+m?\d*s$", "AGE"), (r" +", " "))


def comparable(text: str) -> list[str]:
    for pattern, shown in _VARIES:
        text = re.sub(pattern, shown, text, flags=re.MULTILINE)
    # kubectl prints what `..image` finds in any order.
    return [" ".join(",".join(sorted(word.split(","))) for word in line.split()) for line in text.splitlines() if line]


def test_the_demo_prints_what_the_readme_shows() -> None:
    shown = README.split("## What you see")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", shown, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2

    done = subprocess.run(
        [sys.executable, "examples/demo/demo.py"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in ("NODE", "KEEP")}
        | {"PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("operator", "devel"))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    printed = comparable(done.stdout)
    assert [line for block in blocks for line in comparable(block) if line not in printed] == []
    assert "(the administrator's password is the one that was drawn at first)" in printed

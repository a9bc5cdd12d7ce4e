"""docs/cli.md: its commands are commands, its rules those that there are."""

import re
import shlex
from pathlib import Path

import pytest

from harness.charts import helm, pack_chart
from harness.shipped import DEPLOY
from kotsapp.cli import main, parser
from kotsapp.lint.findings import RULES

PAGE = (DEPLOY.parent / "docs" / "cli.md").read_text()
COMMANDS = sorted(set(re.findall(r"(?:^\$ |run: |script: |`)(kotsapp \w+ [^`\n>]*[^`\n> ])", PAGE, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one(line: str) -> None:
    words = shlex.split(line.replace("…", ""))[1:]
    parser([words[0]]).parse_args(words)


def test_the_table_of_rules_is_whole() -> None:
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE.split("## Rules")[1], re.MULTILINE)) == RULES


RELEASE = {
    "charts.yaml": """\
apiVersion: kots.io/v1beta2
kind: HelmChart
metadata: {name: cache}
spec:
  chart: {name: cache, chartVersion: 1.2.0}
""",
    "config.yaml": """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: shop
    items:
    - name: hostname
      title: Host name
      type: text
      required: true
""",
    "web.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: repl{{ ConfigOptoin "replicas" }}
  template:
    spec:
      containers:
      - name: web
        image: quay.io/my-org/web:v1
        env:
        - {name: HOST, value: 'repl{{ ConfigOption "hostnaem" }}'}
""",
}


def test_what_linting_prints_is_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    folder = tmp_path / "release"
    folder.mkdir()
    for name, text in RELEASE.items():
        (folder / name).write_text(text)
    (folder / "cache.tgz").write_bytes(pack_chart("cache", {}, version="1.1.0"))
    assert main(["lint", "release/"]) == 1
    shown, *_ = re.findall(r"^\$ kotsapp lint release/\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
    assert capsys.readouterr().out == shown

"""``kotsapp config``, and the answers that go back in by ``--config-values``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from harness.charts import helm
from harness.licenses import Signer
from kotsapp.cli import main

CONFIG = """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: basics
    items:
    - {name: hostname, title: Host name, required: true, help_text: "Where users\\nfind the shop."}
    - {name: tls, title: TLS, type: bool, default: "1"}
    - {name: db, type: select_one, default: embedded, items: [{name: embedded}, {name: external}]}
    - {name: parts, title: Parts, type: select_many, items: [{name: search, title: Search}, {name: mail}]}
    - {name: dsn, type: password, required: true, when: 'repl{{ ConfigOptionEquals "db" "external" }}'}
    - {name: admin, type: password, default: hunter2}
    - {name: generated, type: password, hidden: true, value: '{{repl RandomString 20 }}'}
    - {name: port, default: "8443", validation: {regex: {pattern: '^[0-9]+$', message: digits only}}}
    - {name: notes, type: textarea, default: "a: b\\n- c", required: true}
    - {name: url, type: label, value: 'https://repl{{ ConfigOption "hostname" }}'}
"""
APP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  url: 'https://repl{{ ConfigOption "hostname" }}:{{repl ConfigOption "port" }}'
  notes: repl{{ ConfigOption "notes" | quote }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    release = tmp_path / "release"
    release.mkdir()
    (release / "config.yaml").write_text(CONFIG)
    (release / "app.yaml").write_text(APP)
    return release


def render(folder: Path, signer: Signer, *words: str | Path) -> int:
    license = folder.parent / "license.yaml"
    license.write_bytes(signer.sign())
    known = ["--license", license, "--trusted-keys", signer.folder, "--assume", "public", "--helm", helm()]
    return main(["render", "-f", str(folder), *map(str, known), *map(str, words)])


def test_what_is_asked_for_is_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", str(folder)]) == 0
    lines = [line.split(maxsplit=5) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["NAME", "TYPE", "REQUIRED", "GIVEN", "DEFAULT", "TITLE"],
        ["hostname", "text", "yes", "-", "-", "Host name"],
        ["tls", "bool", "-", "-", "1", "TLS"],
        ["db", "select_one", "-", "-", "embedded", "-"],
        ["parts", "select_many", "-", "-", "-", "Parts"],
        ["dsn", "password", "if", "asked", "-", "-          -"],
        ["admin", "password", "-", "-", "***", "-"],
        ["port", "text", "-", "-", "8443", "-"],
        ["notes", "textarea", "yes", "-", "a:", "b - c   -"],
    ]


def test_programs_get_every_item(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", str(folder), "-o", "json"]) == 0
    items = {item["name"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    assert items["db"]["choices"] == ["embedded", "external"]
    assert items["generated"]["hidden"] is True
    assert items["url"]["readonly"] is True


def test_a_document_to_fill_in_is_one_that_is_read_back(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", str(folder), "-o", "yaml"]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["spec"]["values"] == {"hostname": {"value": ""}}, "what is required anyway"
    assert "    # dsn (password; required if asked; when: repl{{ ConfigOptionEquals" in text
    assert "    # Host name (text; required)\n    # Where users find the shop.\n    hostname:\n" in text

    assert "    # Parts: Search (bool)\n    # search:\n" in text
    filled_in = tmp_path / "values.yaml"
    text = text.replace('hostname:\n      value: ""', "hostname:\n      value: shop")
    text = text.replace("    # notes:\n    #   value:", "    notes:\n      value:")
    filled_in.write_text(text)
    assert render(folder, signer, "--config-values", filled_in) == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"] == {"url": "https://shop:8443", "notes": "a: b\n- c"}


def test_a_document_in_which_nothing_is_required_is_read_back(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("required: true", "required: false"))
    assert main(["config", str(folder), "-o", "yaml"]) == 0
    (tmp_path / "values.yaml").write_text(capsys.readouterr().out)
    assert render(folder, signer, "--config-values", tmp_path / "values.yaml") == 0


def test_what_a_release_draws_is_said_to_be_others_at_each_run(
    folder: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("required: true", "required: false"))
    (folder / "secret.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: 'repl{{ ConfigOption \"generated\" }}'}\n"
    )
    assert render(folder, signer) == 0
    assert "passwords are drawn (item generated), new ones at each run" in capsys.readouterr().err


def test_what_is_given_is_in_the_document_that_is_printed_anew(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("port: 80\nhostname: shop\n")
    assert main(["config", str(folder), "-o", "yaml", "--config-values", str(tmp_path / "values.yaml")]) == 0
    values = yaml.safe_load(capsys.readouterr().out)["spec"]["values"]
    assert values == {"hostname": {"value": "shop"}, "port": {"value": 80}}


def test_what_is_missing_and_wrong_is_told_line_by_line(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("port: x\ndb: external\nhost_name: shop\n")
    assert render(folder, signer, "--config-values", tmp_path / "values.yaml") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0].split(" is ")[0].split(" has ")[0] for line in lines] == [
        "kotsapp: the Config's item hostname",
        "the Config's item dsn",
        "the Config's item port",
    ]
    assert "digits only" in lines[2]


def test_every_call_that_cant_be_filled_in_is_a_line(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("hostname: shop\nunknown: 1\n")
    (folder / "bad.yaml").write_text(APP.replace("quote", "qoute") + "  x: 'repl{{ fail `no` }}'\n---\n{{repl end }}\n")
    assert render(folder, signer, "--config-values", tmp_path / "values.yaml") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("release/")[2].partition(" can't")[0] for line in lines] == [
        "bad.yaml, document 1, line 6: the template call 'ConfigOption \"notes\" | qoute'",
        "bad.yaml, document 1, line 7: the template call 'fail `no`'",
        "bad.yaml, document 2, line 9: the template call 'end'",
    ]


def test_a_name_that_no_item_has_is_noted(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("hostname: shop\nportt: 1\n")
    assert render(folder, signer, "--config-values", tmp_path / "values.yaml") == 0
    assert "did you mean port?" in capsys.readouterr().err


def test_a_release_without_a_config_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").unlink()
    assert main(["config", str(folder)]) == 1
    assert "no Config (kots.io/v1beta1) is there" in capsys.readouterr().err


def test_a_file_of_answers_that_is_none_is_told(
    folder: Path, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("a: [1]\n")
    assert render(folder, signer, "--config-values", tmp_path / "values.yaml") == 1
    assert "values.yaml: the value of 'a' is a list: write one text, number or boolean" in capsys.readouterr().err

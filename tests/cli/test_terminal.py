"""What commands print for people: nothing that steers a terminal, and no secret of the license that was read."""

import base64
import json
import logging
from pathlib import Path

import pytest
import yaml

from harness.licenses import Signer
from kotsapp.cli import main
from kotsapp.cli.output import table
from kotsapp.cli.plugin.terminal import fitted
from kotsapp.logs import formatter
from kotsapp.text import json_text, printable

ID = "2eFdA9sLq0WnTYxkQmZr1HcVb7P"
YAML_STEERING = "a\x1b[2J\x07b\x9bc\u202ed\n::set-output name=x::y"
FORMS = {"config": ("json", "yaml"), "lint": ("json", "sarif", "github", "junit")}
STEERING = "a\x1b[2Jb\x07c\rd\u202ee\u2066f\x9bg\ud800h"


def test_what_steers_a_terminal_is_escaped_and_nothing_else() -> None:
    assert printable(STEERING) == "a\\x1b[2Jb\\x07c\\rd\\u202ee\\u2066f\\x9bg\\ud800h"
    assert printable("Grüße, 世界, 'x' \\ ok") == "Grüße, 世界, 'x' \\ ok"
    assert printable("one\ntwo\x1b", keep="\n") == "one\ntwo\\x1b"


def test_tables_and_logs_obey_nobody() -> None:
    record = logging.LogRecord("kotsapp", logging.INFO, "", 0, "told: %s", (STEERING,), None)
    for text in (table(("HEAD",), [[STEERING]]), fitted(("HEAD",), [[STEERING]], 20), formatter("text").format(record)):
        assert "\x1b" not in text and "\x07" not in text and "\r" not in text and "\u202e" not in text


@pytest.mark.parametrize("spelled", [ID, ID.upper(), base64.b64encode(f"x:{ID}".encode()).decode()])
def test_an_error_of_a_command_does_not_tell_the_license_id(
    spelled: str, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "license.yaml").write_bytes(signer.sign(licenseID=ID))
    containers = f"[{{name: a, image: 'q.io/{spelled}/'}}]"
    manifest = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: {containers}}}\n"
    (tmp_path / "pod.yaml").write_text(manifest)
    files = ["-f", str(tmp_path / "pod.yaml"), "--license", str(tmp_path / "license.yaml")]

    assert main(["render", *files, "--trusted-keys", str(signer.folder), "--assume", "private"]) == 1

    captured = capsys.readouterr()
    assert spelled not in captured.err + captured.out
    assert "q.io/***" in captured.err or "***" in captured.err


@pytest.mark.parametrize(
    ("command", "form"),
    [(name, form) for name, forms in FORMS.items() for form in forms],
)
def test_what_programs_read_steers_no_terminal_either(
    command: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"name": "a", "title": YAML_STEERING, "type": YAML_STEERING}
    config = {"kind": "Config", "metadata": {"name": "c"}, "spec": {"groups": [{"name": "g", "items": [item]}]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"apiVersion": "kots.io/v1beta1", **config}))

    main([command, str(tmp_path), "-o", form])

    said = capsys.readouterr()
    assert printable(said.out, keep="\n") == said.out
    assert printable(said.err, keep="\n") == said.err


def test_json_is_the_same_value_with_what_steers_escaped() -> None:
    value = {STEERING: [STEERING, "Grüße\n"]}

    assert json.loads(json_text(value)) == value
    assert printable(json_text(value), keep="\n") == json_text(value)
    assert "Grüße\\n" in json_text(value)

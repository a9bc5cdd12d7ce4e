"""Helm is started while a command still loads, where the release most likely needs it."""

import subprocess
import sys

import pytest

from harness.charts import helm
from harness.running import ROOT
from kotsapp.cli.ahead import engine_for
from kotsapp.release.source_file import SourceFile


@pytest.mark.parametrize(
    "text",
    [
        "{{repl ConfigOption `a` | quote }}",
        'repl{{ ConfigOption "a" | quote }}',
        "{{repl ConfigOption `a` }} {{repl RandomString 20 }}",
        "repl{{if ConfigOptionEquals `a` `1` }}b{{repl end }}",
        '{{repl ConfigOption "a\\"b" }}',
    ],
)
def test_a_call_that_computes_has_helm_started(text: str) -> None:
    with engine_for([SourceFile("a", "a.yaml", b""), SourceFile("b", "b.yaml", text.encode())], str(helm())) as engine:
        assert engine is not None
        assert engine.waits


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap",
        "{{ .Values.a }}",
        "{{repl ConfigOption `a` }}",
        'repl{{- ConfigOption "a" -}} {{repl Namespace}}',
    ],
)
def test_what_is_looked_up_has_none_started(text: str) -> None:
    with engine_for([SourceFile("a", "a.yaml", text.encode())], str(helm())) as engine:
        assert engine is None


def test_a_missing_helm_is_left_to_who_needs_it() -> None:
    with engine_for([SourceFile("a", "a.yaml", b"{{repl RandomString 20 }}")], "/nowhere/helm") as engine:
        assert engine is None


def test_helm_is_not_kept_waiting_for_what_takes_longest_to_load() -> None:
    code = "import sys, kotsapp.cli.render; print([name for name in ('yaml', 'cryptography') if name in sys.modules])"
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

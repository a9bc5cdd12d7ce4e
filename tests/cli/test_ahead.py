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


@pytest.mark.parametrize("command", ["lint", "render"])
def test_helm_is_not_kept_waiting_for_what_takes_longest_to_load(command: str) -> None:
    assert loaded_by(command, "yaml", "cryptography") == "[]"


def test_a_release_without_a_license_is_checked_without_cryptography() -> None:
    assert loaded_by("linting", "cryptography", "ssl", "email", "asyncio", "httpx") == "[]"


def test_what_asks_no_registry_and_no_cluster_loads_no_client() -> None:
    assert loaded_by("rendering", "asyncio", "ssl", "httpx", "aiohttp", "kubernetes", "kotsapp.registry") == "[]"


def loaded_by(command: str, *modules: str) -> str:
    """Those of the modules that a command's module loads."""
    code = f"import sys, kotsapp.cli.{command}; print([name for name in {modules} if name in sys.modules])"
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()

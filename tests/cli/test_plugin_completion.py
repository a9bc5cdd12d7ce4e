"""What ``kubectl kotsapp`` completes, and how little it loads to say what it is."""

import subprocess
import sys
from argparse import Namespace

import pytest

from harness.running import ROOT
from kotsapp.cli.plugin import complete

HEAVY = ("kopf", "httpx", "kubernetes", "yaml", "cryptography", "aiohttp", "rich", "asyncio")
# Each takes about a millisecond to load, and a person waits for 150.
MAX_MODULES = 100


def ask(args: Namespace, name: str | None) -> list[str]:
    if name is None:
        return ["shop", "store"] if args.namespace in (None, "apps") else ["other"]
    return ["quay.io/my-org/api:v1", "redis:7"] if name == "shop" else []


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        ([""], [*complete.VERBS], 4),
        (["re"], ["report", "retry", "rerender", "resume"], 4),
        (["-n", "apps", "sta"], ["status"], 4),
        (["status", ""], ["shop", "store"], 4),
        (["status", "st"], ["store"], 4),
        (["status", "kotsapp/sh"], ["kotsapp/shop"], 4),
        (["status", "-n", "elsewhere", ""], ["other"], 4),
        (["--namespace=elsewhere", "status", ""], ["other"], 4),
        (["status", "shop", ""], [], 4),
        (["status", "--wat"], ["--watch"], 4),
        (["images", "shop", "-o", ""], ["table", "json", "yaml"], 4),
        (["why", "shop", "quay"], ["quay.io/my-org/api:v1"], 4),
        (["why", "kotsapp/shop", "-n", "apps", "r"], ["redis:7"], 4),
        (["report", "shop", "--to", ""], [], 0),
        (["get", "st"], ["store"], 4),
        ([], [*complete.VERBS], 4),
    ],
)
def test_verbs_names_images_and_options_are_completed(words: list[str], candidates: list[str], directive: int) -> None:
    assert complete.complete(words, ask) == (candidates, directive)


def test_without_a_cluster_nothing_is_completed_and_nothing_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert complete.main(["status", ""]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (":4\n", "")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status", "--help"]])
def test_help_and_version_load_no_library(words: list[str]) -> None:
    """Each of them takes longer than all of Python."""
    code = f"""
import sys
before = len(sys.modules)
from kotsapp.cli.plugin import main
try:
    main({words!r})
except SystemExit:
    print("heavy:", [name for name in {HEAVY!r} if name in sys.modules], len(sys.modules) - before < {MAX_MODULES})
"""
    env = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "heavy: [] True", done.stderr

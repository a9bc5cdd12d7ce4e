"""Without helm, releases whose calls need it are refused by what is wrong with them, or by what is missing."""

import pytest

from harness import fuzz_inputs
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.errors import HelmMissingError
from kotsapp.release.filler import Filling
from kotsapp.release.reader import SourceFile, read_release

NEEDS_ENGINE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 'repl{{ Namespace | upper }}'}\n"
UNENDED = "data: {a: 'repl{{ Namespace'}\n"


def no_engine() -> None:
    raise HelmMissingError("there is no helm on PATH")


def read(*documents: str) -> None:
    file = SourceFile("fuzz", "a.yaml", "---\n".join(documents).encode())
    read_release([file], fuzz_inputs.context, filling=Filling(find_program=no_engine))  # type: ignore[arg-type]


def test_a_call_that_has_no_end_is_told_whatever_stands_before_it() -> None:
    with pytest.raises(ManifestError, match="document 2"):
        read(NEEDS_ENGINE, f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b}}\n{UNENDED}")


def test_what_is_left_unfilled_is_no_release() -> None:
    """The document that is wrong is never applied, which is a warning; the other one needs the engine."""
    support = f"apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nmetadata: {{name: b}}\n{UNENDED}"
    with pytest.raises(HelmMissingError):
        read(NEEDS_ENGINE, support)


def test_items_that_need_the_engine_hide_nothing_of_what_is_wrong_with_a_document() -> None:
    config = """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec: {groups: [{name: a, items: [{name: host, type: text, default: 'repl{{ Namespace | upper }}'}]}]}
"""
    with pytest.raises(ManifestError, match="document 2"):
        read(config, f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b}}\n{UNENDED}")
    support = f"apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nmetadata: {{name: b}}\n{UNENDED}"
    with pytest.raises(HelmMissingError):
        read(config, NEEDS_ENGINE, support)

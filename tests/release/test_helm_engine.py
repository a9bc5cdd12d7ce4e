"""Helm waits for the chart of the template calls, and is gone behind whoever started it."""

from pathlib import Path

import pytest

from harness.charts import helm
from harness.waiting import until
from kotsapp.release import helm_engine
from kotsapp.release.errors import HelmError

CHART = {"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/a.yaml": "a: {{ .Values.a }}\n"}


def test_it_renders_what_is_written_while_it_waits() -> None:
    with helm_engine.started(helm()) as engine:
        assert engine.waits
        ran = engine.render(CHART, {"a": "given"}, 60.0, 1000)
        assert (ran.code, ran.complaint) == (0, b"")
        assert ran.output is not None and b"a: given" in ran.output
        assert not engine.waits


def test_nothing_is_left_of_one_that_was_given_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with helm_engine.started(helm()) as engine:
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    assert not engine.waits


def test_one_that_has_ended_does_not_wait() -> None:
    with helm_engine.started(Path("/bin/true")) as engine:
        until(lambda: not engine.waits, "the end of what does not wait")


def test_a_failure_behind_it_is_not_taken_for_its_own() -> None:
    with pytest.raises(FileNotFoundError), helm_engine.started(helm()):
        raise FileNotFoundError
    with pytest.raises(HelmError), helm_engine.started(helm()):
        raise HelmError

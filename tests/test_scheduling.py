"""Several workers run the suite as one would: each file on one of them, the slow rooms before the others."""

import os
import subprocess
import sys
from pathlib import Path

from harness.running import ROOT

TEST = """
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    with Path(os.environ["SEEN"]).open("a") as seen:
        seen.write(f"{Path(__file__).name} {os.environ['PYTEST_XDIST_WORKER']} {os.environ['PYTHONHASHSEED']}\\n")
"""
FILES = ("apply/test_a", "apply/test_b", "e2e/test_c", "e2e/test_replicas", "world/test_d", "world/test_e")


def test_a_file_stays_on_one_worker_and_what_takes_long_comes_first(tmp_path: Path) -> None:
    for name in FILES:
        file = tmp_path / "tests" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEST)
    (tmp_path / "pytest.ini").touch()
    seen = tmp_path / "seen"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "harness.scheduling", "-p", "no:cacheprovider", "-n", "2", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "devel"), "SEEN": str(seen)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

    lines = [line.split() for line in seen.read_text().splitlines()]
    workers = {name: {worker for file, worker, _ in lines if file == name} for name, *_ in lines}
    assert len(lines) == 4 * len(FILES)
    assert all(len(of_file) == 1 for of_file in workers.values()), workers
    assert workers["test_d.py"] == workers["test_e.py"], "a world serves its folder"
    assert len({seed for *_, seed in lines}) == 1
    (first,) = workers["test_replicas.py"]
    assert next(file for file, worker, _ in lines if worker == first) == "test_replicas.py"

"""A bounded process, with a shell in helm's place."""

from pathlib import Path

import pytest

from harness.waiting import until
from kotsapp.release.helm_process import MAX_OUTPUT_BYTES, Ran, execute


def run(script: str, folder: Path, timeout: float = 60.0) -> Ran:
    return execute(["/bin/sh", "-c", script], folder, timeout, most_complaint=8)


def test_output_code_and_the_end_of_the_complaint_are_told(tmp_path: Path) -> None:
    ran = run("pwd; echo a long complaint >&2; exit 3", tmp_path)
    assert (ran.code, ran.output, ran.complaint) == (3, f"{tmp_path}\n".encode(), b"mplaint\n")


def cut_off(script: str, folder: Path) -> int:
    """The id that the script wrote, which was ended by a time that was long enough for it to begin."""
    seconds = 0.25
    while True:
        ran = run(script, folder, seconds)
        assert (ran.code, ran.output, ran.complaint) == (None, b"", b"")
        found = (folder / "id").read_text() if (folder / "id").exists() else ""
        if found:
            return int(found)
        seconds *= 2


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    "script",
    ["sleep 600", "while :; do echo again >&2; done", "exec >&- 2>&-; sleep 600"],
    ids=["silent", "loud", "closed"],
)
def test_it_ends_when_its_time_is_over(script: str, tmp_path: Path) -> None:
    assert is_gone(cut_off(f"echo $$ > id; {script}", tmp_path))


def test_more_output_than_is_read_ends_it(tmp_path: Path) -> None:
    ran = run(f"head -c {2 * MAX_OUTPUT_BYTES} /dev/zero; sleep 600", tmp_path)
    assert (ran.code, ran.output) == (-9, None)


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    process = cut_off("sleep 600 & echo $! > id; sleep 600", tmp_path)
    until(lambda: is_gone(process), "the end of what it started")


def test_what_can_not_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        execute(["/nowhere/helm"], tmp_path, 1.0)

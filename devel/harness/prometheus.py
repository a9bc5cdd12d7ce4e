"""The real Prometheus and its promtool: the machine's, else Debian's, unpacked into the cache and not installed."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from harness.waiting import until
from localworld.ports import free_port
from localworld.programs import apt, cache
from localworld.progress import silent

_PROGRAMS = ("usr/bin/prometheus", "usr/bin/promtool")
# Alerts wait for minutes or hours by their `for`, which promtool's tests of rules hold; here is seen that they fire.
_EVERY = "1s"


def program(name: str) -> Path:
    """The path of ``prometheus`` or ``promtool``; raises AptError with what to install."""
    if found := shutil.which(name):
        return Path(found)
    folder = cache.ensure("prometheus/debian", _PROGRAMS, lambda into: apt.unpacked("prometheus", into), silent)
    return folder / "usr" / "bin" / name


def promtool(*arguments: str) -> str:
    """What it prints; an AssertionError with all of it when it ends with anything but 0."""
    done = subprocess.run([str(program("promtool")), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """Scrapes one operator every second, and evaluates these rules at once."""

    def __init__(self, address: str) -> None:
        self._address = address

    def asked(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self._address}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def firing(self) -> list[dict[str, Any]]:
        """The alerts that fire, with their labels and annotations."""
        return [alert for alert in self.asked("alerts")["alerts"] if alert["state"] == "firing"]


@contextmanager
def scraping(target: str, groups: list[dict[str, Any]], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus of its own for ``target`` (``host:port``), ended with the block."""
    at_once = [{**group, "rules": [{**rule, "for": "0s"} for rule in group["rules"]]} for group in groups]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": at_once}))
    configuration = {
        "global": {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": _EVERY},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {"job_name": "kotsapp-operator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(program("prometheus")),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        prometheus = Prometheus(address)

        def scraped() -> bool:
            assert process.poll() is None, log.read_text()[-2000:]
            try:
                return any(found["health"] == "up" for found in prometheus.asked("targets")["activeTargets"])
            except OSError:
                return False

        until(scraped, "Prometheus scrapes the operator", 60)
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)

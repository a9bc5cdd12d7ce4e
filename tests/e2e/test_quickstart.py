"""docs/quickstart.md: every command of the page, in its order, as a person types it (issue 17)."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.apps import LICENSE_ID, PRIVATE, PROXIED, SLUG, deployment
from harness.licenses import Signer
from harness.running import ROOT, Operator
from localworld.release_channel import Customer, Vendor
from localworld.world import World

PAGE = (ROOT / "docs" / "quickstart.md").read_text()
BLOCKS = re.findall(r"^```(sh|yaml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# Image, chart and installation are run as they are by tests/realnode, tests/deploy and the Makefile.
ELSEWHERE = ("docker ", "helm ", "pip ", "kubectl -n kotsapp-system ")
LICENSED = {"verify": ["--trusted-keys"], "render": ["--trusted-keys"], "pull": ["--trusted-keys", "--registries"]}
CONFIG = """
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: shop}
spec:
  groups:
    - name: main
      title: Main
      items:
        - {name: hostname, title: Host name, type: text, default: shop.example.com}
        - {name: password, type: password, hidden: true, value: "{{repl RandomString 20}}"}
"""
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {host: '{{repl ConfigOption "hostname" }}', password: '{{repl ConfigOption "password" }}'}
"""


@pytest.fixture
def folder(world: World, signer: Signer, operator: Operator, tmp_path: Path) -> Iterator[Path]:
    """A checkout's folders beside a license, whose vendor has a release; the namespace of the page goes with it."""
    world.kubectl("delete", "namespace", "apps", "--ignore-not-found", "--timeout=60s")
    license = signer.sign(channelID="stable")
    (tmp_path / "license.yaml").write_bytes(license)
    for name in ("deploy", "crds"):
        (tmp_path / name).symlink_to(ROOT / name)
    vendor = world.releases.vendors[SLUG] = Vendor(SLUG)
    vendor.customers[LICENSE_ID] = Customer(license, 3, "stable")
    files = {"config.yaml": CONFIG, "app.yaml": yaml.safe_dump(deployment("web", PRIVATE)), "settings.yaml": SETTINGS}
    vendor.publish("1.0.0", files, "stable")
    yield tmp_path
    world.kubectl("delete", "namespace", "apps", "--ignore-not-found", "--wait=false")
    del world.releases.vendors[SLUG]
    world.releases.stop()
    world.releases.start()


def commands(block: str) -> list[str]:
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith(ELSEWHERE)]


def test_each_command_of_the_page_does_what_it_says(world: World, signer: Signer, folder: Path) -> None:
    programs = (Path(sys.executable).parent, world.programs.kubectl.parent, world.programs.helm.parent)
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    environment = os.environ | {"KUBECONFIG": str(world.kubeconfig), "PATH": path}
    given = {"--trusted-keys": str(signer.folder), "--registries": str(world.registries_file)}
    said: dict[str, str] = {}
    for kind, text in BLOCKS:
        if kind == "yaml":
            (folder / "kotsapp.yaml").write_text(text)
            continue
        for line in commands(text):
            words = shlex.split(line)
            flags = (
                next((LICENSED[word] for word in words[1:3] if word in LICENSED), []) if words[0] == "kotsapp" else []
            )
            shown = line.partition(" > ")
            # What a vendor's own key and the local world's hosts need beside.
            extra = shlex.join([part for flag in flags for part in (flag, given[flag])])
            command = f"{shown[0]} {extra}{''.join(shown[1:])}"
            done = subprocess.run(
                command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
            )
            said[line] = done.stdout + done.stderr
            # `diff` says by 1 that there is something; here nothing is to change.
            assert done.returncode == 0, f"{line}\n{said[line]}"

    assert "condition met" in said["kubectl -n apps wait --for=condition=Ready kotsapp/shop --timeout=10m"]
    assert "ReconciliationSucceeded" in said["kubectl kotsapp status shop -n apps"]
    assert PROXIED in (folder / "rendered.yaml").read_text()
    assert "hostname" in (folder / "values.yaml").read_text()
    assert "<html" in (folder / "shop.html").read_text()
    assert not world.kubectl("-n", "apps", "get", "deployments,kotsapps", "-o", "name")

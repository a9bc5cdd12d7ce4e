"""docs/configuration.md: its examples work, and its tables name all that there is."""

import argparse
import re
import shutil
from pathlib import Path

import pytest
import yaml

from harness.shipped import CHART, DEPLOY, container_in, deployment_in, kustomized, templated
from kotsapp import __version__
from kotsapp.cli.arguments import run
from kotsapp.registry.config import _KEYS, Registries

PAGE = (DEPLOY.parent / "docs" / "configuration.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
RULES = DEPLOY / "components" / "monitoring" / "prometheusrule.yaml"


def block(containing: str) -> str:
    (found,) = [text for text in BLOCKS if containing in text]
    return str(found)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_column(text: str) -> set[str]:
    return {
        name
        for row in text.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])
    }


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    run.register(made.add_subparsers())
    return made


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, with the files that it names, beside a checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(DEPLOY.parent / "crds", folder / "crds")
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("chart", "argocd"))
    mine = folder / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(block("# kustomization.yaml"))
    (mine / "registries.yaml").write_text(block("registries:\n  - host"))
    for name in ("ca.crt", "my-key-id.pem"):
        (mine / name).write_text("-----BEGIN\n")
    return mine


def test_the_overlay_renders_with_each_file_where_the_flags_look(overlay: Path) -> None:
    objects = kustomized(overlay)
    container = container_in(objects)
    args = parser().parse_args(container["args"])
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "config"]
    (volume,) = [v for v in deployment_in(objects)["spec"]["template"]["spec"]["volumes"] if v["name"] == "config"]
    data = objects["ConfigMap", "kotsapp-system", volume["configMap"]["name"]]["data"]
    assert str(args.registries) == f"{mount['mountPath']}/registries.yaml"
    assert str(args.trusted_keys) == mount["mountPath"]
    assert set(data) == {"registries.yaml", "ca.crt", "my-key-id.pem"}
    assert container["image"] == f"registry.example.com/kotsapp-operator:{__version__}"
    assert ("NetworkPolicy", "kotsapp-system", "kotsapp-operator") in objects


def test_the_values_are_accepted_and_render_the_same_settings(overlay: Path) -> None:
    text = block("# values.yaml").replace("    ...\n", "    AAAA\n    -----END PUBLIC KEY-----\n")
    objects = templated(yaml.safe_load(text))
    assert container_in(objects)["image"] == container_in(kustomized(overlay))["image"]
    env = {entry["name"]: entry for entry in container_in(kustomized(overlay))["env"]}
    env.pop("SSL_CERT_FILE")
    assert {entry["name"]: entry for entry in container_in(objects)["env"]} == env


def test_the_registries_file_can_be_read(tmp_path: Path) -> None:
    document = yaml.safe_load(block("registries:\n  - host"))
    for entry in document["registries"]:
        entry.pop("caFile", None)  # a file of the pod
    assert Registries.read(document, "the page").max_concurrent("quay.io") == 4


def test_the_tables_name_every_field_flag_and_alert() -> None:
    assert first_column(section("The registries file")) == _KEYS
    flags = {flag for action in _actions() for flag in action.option_strings if flag.startswith("--")}
    reported = set(re.findall(r"--[a-z][a-z0-9-]+", PAGE.split("\n## ", 1)[0]))
    assert reported == flags - {"--help"}
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["spec"]["groups"] for rule in group["rules"]}
    assert first_column(section("Monitoring")) == alerts


def test_the_values_that_it_names_are_the_charts() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [row.split(" | ") for row in PAGE.split("\n## ", 1)[0].splitlines() if row.startswith("| `")]
    for name in {name for row in rows for name in re.findall(r"`([\w.]+)`", row[1])}:
        found = values
        for part in name.split("."):
            found = found[part]


def _actions() -> list[argparse.Action]:
    commands = argparse.ArgumentParser()
    run.register(made := commands.add_subparsers())
    return list(made.choices["run"]._actions)

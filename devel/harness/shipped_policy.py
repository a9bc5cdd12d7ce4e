"""The admission policy as it is shipped, written by ``python -m harness.shipped_policy``."""

import json
from typing import Any

import pytest
import yaml

from harness.shipped import DEPLOY
from kotsapp.pods import policy
from localworld.world import World

FILE = DEPLOY / "components" / "pods" / "policy.yaml"
_HEAD = """\
# Routes images of pods that others make, in the API server itself: see docs/pods.md. Written by `make docs` from
# operator/kotsapp/pods/policy.py.
"""


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stand as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def written() -> str:
    """What the file is to hold."""
    objects: list[dict[str, Any]] = [policy.policy(), policy.binding()]
    return _HEAD + yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=1000)


def served_in(world: World) -> str | None:
    """The newest version of the policies that a world serves."""
    for version in policy.API_VERSIONS:
        served = json.loads(world.kubectl("get", "--raw", f"/apis/{version}", check=False) or "{}")
        if any(resource["kind"] == policy.POLICY_KIND for resource in served.get("resources", [])):
            return version
    return None


def version_in(world: World) -> str:
    """The same for a test that needs the policy: where there is none it is skipped."""
    version = served_in(world)
    if version is None:
        pytest.skip(f"Kubernetes {world.version} serves no such policies")
    return version


def as_documented(version: str) -> dict[str, Any]:
    """What a user's kustomization with the component says besides, by the component's own comment."""
    if version == policy.API_VERSIONS[0]:
        return {}
    lines = (FILE.parent / "kustomization.yaml").read_text().splitlines()
    patches = [line.removeprefix("#   ") for line in lines if line.startswith("#   ")]
    found: dict[str, Any] = yaml.safe_load("\n".join(patches))
    assert version in str(found)
    return found


if __name__ == "__main__":
    FILE.write_text(written())

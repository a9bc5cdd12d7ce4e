"""The admission policy as it is shipped, written by ``python -m harness.shipped_policy``."""

from typing import Any

import yaml

from harness.shipped import DEPLOY
from kotsapp.pods import policy

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


if __name__ == "__main__":
    FILE.write_text(written())

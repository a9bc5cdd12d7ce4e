"""Prints the image's bill of materials (CycloneDX 1.6, JSON). Standard library alone.

Arguments: the folder of the installed packages, and helm. What is installed is what the lock files pin, with their
hashes checked by pip; the base image has a record of its own, as Debian's packages have.
"""

import hashlib
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

OURS = "kotsapp-operator"


def document(packages: Path, helm: Path) -> dict[str, Any]:
    """The same content for the same packages: no time and no serial number in it."""
    installed = {_name(found): found for found in metadata.distributions(path=[str(packages)])}
    components = [_component(name, found) for name, found in sorted(installed.items()) if name != OURS]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**_component(OURS, installed[OURS]), "type": "application"}},
        "components": [*components, _helm(helm)],
    }


def _component(name: str, found: metadata.Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{found.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": found.version,
        "purl": purl,
    }
    if licence := found.metadata.get("License-Expression"):
        component["licenses"] = [{"expression": licence}]
    return component


def _helm(program: Path) -> dict[str, Any]:
    content = program.read_bytes()
    version = re.search(rb"helm\.sh/helm/v4\s+(v4\.\d+\.\d+)", content)
    return {
        "type": "application",
        "bom-ref": "helm",
        "name": "helm",
        "version": version.group(1).decode() if version else "unknown",
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
    }


def _name(found: metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()


if __name__ == "__main__":
    print(json.dumps(document(Path(sys.argv[1]), Path(sys.argv[2])), indent=1))

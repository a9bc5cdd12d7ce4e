"""What people see of the definition: columns of ``kubectl get``, and the texts of ``kubectl explain``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

[VERSION] = yaml.safe_load((Path(__file__).parents[2] / "crds" / "kotsapps.kotsapp.dev.yaml").read_text())["spec"][
    "versions"
]
OF_KUBERNETES = {"apiVersion", "kind", "metadata"}


def undescribed(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, field in (schema.get("properties") or {}).items():
        if "description" not in field and not (not path and name in OF_KUBERNETES):
            yield f"{path}.{name}"
        yield from undescribed(field, f"{path}.{name}")
        yield from undescribed(field.get("items") or {}, f"{path}.{name}[]")


def test_kubectl_explain_says_what_every_field_is() -> None:
    assert list(undescribed(VERSION["schema"]["openAPIV3Schema"])) == []


def test_kubectl_get_fits_in_a_terminal_of_80_columns() -> None:
    usual = {"Name": "my-kots-app", "Ready": "Unknown", "Reason": "ReconciliationSucceeded", "Version": "1.10.12"}
    heads = ["Name", *(c["name"] for c in VERSION["additionalPrinterColumns"] if not c.get("priority"))]
    age = len("100m")  # the last one: nothing follows it

    widths = [max(len(head), len(usual.get(head, ""))) for head in heads if head != "Age"]
    assert heads[-1] == "Age"
    assert sum(widths) + len("   ") * len(widths) + age <= 80

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


def test_kubectl_get_shows_what_a_person_looks_for_first() -> None:
    """What else there is comes with ``-o wide``."""
    columns = [(column["name"], column.get("priority", 0)) for column in VERSION["additionalPrinterColumns"]]

    assert [name for name, priority in columns if not priority] == [
        *("Ready", "Reason", "Version", "Images", "Proxied", "Suspended", "Age"),
    ]
    assert [name for name, priority in columns if priority] == ["Slug", "Channel", "Expires", "Message"]

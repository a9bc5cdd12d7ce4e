"""Examples that are there to be copied can be applied."""

from pathlib import Path

import pytest
import yaml

from kotsapp.api.spec import check_name, parse_spec
from kotsapp.names import API_VERSION, KIND

EXAMPLES = Path(__file__).parents[2] / "examples"
APPS = [
    pytest.param(document, id=f"{file.relative_to(EXAMPLES)}:{document['metadata']['name']}")
    for file in sorted(EXAMPLES.rglob("kotsapp.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]


@pytest.mark.parametrize("app", APPS)
def test_the_kotsapp_of_an_example_is_one_that_the_operator_takes(app: dict[str, dict[str, object]]) -> None:
    assert (app["apiVersion"], app["kind"]) == (API_VERSION, KIND)
    check_name(str(app["metadata"]["name"]))
    parse_spec(app["spec"])

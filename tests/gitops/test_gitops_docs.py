"""The examples of the GitOps page are what the tools take, and agree with what the operator is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kotsapp.api.conditions import Reason
from kotsapp.api.spec import parse_spec
from kotsapp.names import API_VERSION, FINALIZER, KIND, NAME_LABEL, NAMESPACE_LABEL, REQUESTS

PAGE = (Path(__file__).parents[2] / "docs" / "gitops.md").read_text()
DOCUMENTS: list[dict[str, Any]] = [
    document for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for document in yaml.safe_load_all(block)
]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in DOCUMENTS if document["kind"] == kind]


def test_the_kotsapp_is_accepted_and_refers_to_what_the_kustomization_makes() -> None:
    (kotsapp,) = of_kind(KIND)
    (generated,) = (d for d in of_kind("Kustomization") if "configMapGenerator" in d)
    assert kotsapp["apiVersion"] == API_VERSION
    names = {name for _, name in parse_spec(kotsapp["spec"]).references}
    assert names == {generated["configMapGenerator"][0]["name"], of_kind("Secret")[0]["metadata"]["name"]}


def test_health_checks_of_flux_name_the_resource() -> None:
    checked = [
        check
        for kustomization in of_kind("Kustomization")
        for field in ("healthChecks", "healthCheckExprs")
        for check in kustomization.get("spec", {}).get(field, [])
    ]
    assert len(checked) == 2
    assert {(check["apiVersion"], check["kind"]) for check in checked} == {(API_VERSION, KIND)}


@pytest.mark.parametrize(
    "word",
    [
        FINALIZER,
        f"{NAME_LABEL}=my-kots-app,{NAMESPACE_LABEL}=apps",
        *(f"{annotation}=" for annotation in REQUESTS),
        f"`{Reason.LICENSE_NOT_FOUND}`",
        f"`{Reason.MANIFESTS_NOT_FOUND}`",
        f"`{Reason.WORKLOADS_UNHEALTHY}`",
    ],
)
def test_the_page_uses_the_operators_own_names(word: str) -> None:
    assert word in PAGE


def test_every_link_within_the_page_and_the_project_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    targets = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert [t for t in targets if t.startswith("#") and t[1:] not in headings] == []
    docs = Path(__file__).parents[2] / "docs"
    assert [t for t in targets if not t.startswith("#") and not (docs / t).exists()] == []

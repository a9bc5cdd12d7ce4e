"""Repeatable items of a Config: list items and documents, once for each row."""

from __future__ import annotations

from typing import Any

import pytest

from harness.charts import helm
from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.config_values import Answers
from kotsapp.release.context import TemplateContext
from kotsapp.release.filler import Filling
from kotsapp.release.reader import Release, SourceFile, read_release

CONFIG = """\
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: ports
    items:
    - name: service_ports
      title: Service ports
      type: text
      repeatable: true
      templates:
      - {apiVersion: v1, kind: Service, name: my-service, namespace: my-app, yamlPath: 'PATH'}
      valuesByGroup:
        ports: {port-default-1: "80", port-default-2: "443"}
"""
SERVICE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: before}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: my-app}
spec:
  type: NodePort
  ports:
  - port: '{{repl ConfigOption "[[repl .service_ports ]]" | ParseInt }}'
    name: '{{repl ConfigOptionName "repl[[ .service_ports ]]" }}'
  - {port: 1, name: other}
  selector: {app: repeat_example, row: 'repl[[ .service_ports ]]'}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: other}
spec: {ports: []}
"""


def rendered(path: str, answers: Answers | None = None, service: str = SERVICE) -> Release:
    files = [
        SourceFile("config.yaml", "config.yaml", CONFIG.replace("PATH", path).encode()),
        SourceFile("service.yaml", "service.yaml", service.encode()),
    ]
    context = TemplateContext({}, "", "registry", "apps", Domains())
    return read_release(files, lambda _: context, filling=Filling(answers or Answers(), find_program=helm))


def ports(release: Release) -> list[Any]:
    found: list[Any] = release.objects[1]["spec"]["ports"]
    return found


def test_an_item_of_a_list_is_there_for_each_row() -> None:
    release = rendered("spec.ports[0]")
    assert [obj["metadata"]["name"] for obj in release.objects] == ["before", "my-service", "my-service"]
    assert ports(release) == [
        {"port": 1, "name": "other"},
        {"port": 80, "name": "port-default-1"},
        {"port": 443, "name": "port-default-2"},
    ]


def test_rows_are_given_and_changed() -> None:
    answers = Answers({"port-default-1": "8080", "port-abc": 9090}, rows={"port-abc": "service_ports"})
    assert ports(rendered("spec.ports[0]", answers))[1:] == [
        {"port": 8080, "name": "port-default-1"},
        {"port": 443, "name": "port-default-2"},
        {"port": 9090, "name": "port-abc"},
    ]


def test_a_document_is_there_for_each_row_under_its_name() -> None:
    release = rendered("")
    made = release.objects[1:3]
    assert [obj["metadata"]["name"] for obj in made] == ["port-default-1", "port-default-2"]
    assert [obj["spec"]["selector"]["row"] for obj in made] == ["port-default-1", "port-default-2"]
    assert made[1]["spec"]["ports"][0] == {"port": 443, "name": "port-default-2"}


@pytest.mark.parametrize("path", ["spec.ports", "spec.ports[7]", "spec.none[0]", "spec.type[0]", "spec..x[0]", "[0]"])
def test_a_path_that_leads_nowhere_is_told(path: str) -> None:
    with pytest.raises(ManifestError) as caught:
        rendered(path)
    assert str(caught.value).startswith(f"service.yaml, document 2, line 5: has nothing at {path}, which the Config")


def test_rows_without_end_are_refused() -> None:
    rows = {f"row-{number}": "service_ports" for number in range(300)}
    with pytest.raises(ManifestError, match="the Config's item service_ports is there 302 times, more than 200"):
        rendered("spec.ports[0]", Answers(dict.fromkeys(rows, "1"), rows=rows))


def test_a_document_that_only_calls_make_readable_is_left() -> None:
    text = SERVICE.replace("  type: NodePort", "  {{repl if true }}\n  type: NodePort\n  {{repl end }}")
    assert ports(rendered("spec.ports[0]", service=text))[-1] == {"port": 1, "name": "other"}

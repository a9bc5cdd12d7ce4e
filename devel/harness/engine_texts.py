"""Texts with template calls, filled in by helm's engine."""

from __future__ import annotations

from typing import Any

from harness.charts import helm
from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import Place
from kotsapp.release import template_engine
from kotsapp.release.context import TemplateContext
from kotsapp.release.filling import Filled, Request, Text


def context(**options: Any) -> TemplateContext:
    known: dict[str, Any] = {
        "license_fields": {"customerName": "Ann", "licenseID": "the-license-id"},
        "docker_config": "",
        "pull_secret": "my-app-registry",
        "namespace": "",
        "domains": Domains(),
    }
    return TemplateContext(**(known | options))


def texts(*written: str) -> list[Text]:
    return [Text(f"t{number}", text, Place("app.yaml", 1, 10)) for number, text in enumerate(written)]


def fill(*written: str, timeout: float = 60.0, **options: Any) -> Filled:
    known = {"context": context(), **options}
    return template_engine.fill(Request(texts=texts(*written), **known), helm, timeout=timeout)


def filled(text: str, **options: Any) -> str:
    result = fill(text, **options)
    assert not result.failures, result.failures
    return result.texts["t0"]

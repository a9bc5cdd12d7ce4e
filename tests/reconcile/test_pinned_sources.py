"""A source whose digest the KotsApp pins: whoever may change that object alone changes nothing that is applied."""

import hashlib
from typing import Any

import pytest
import yaml

from harness.cluster import NAMESPACE, config_map, obj
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time


def text(value: str) -> str:
    made = config_map(a=value)
    return yaml.safe_dump({**made, "metadata": {"name": made["metadata"]["name"]}})


def digest(value: str) -> str:
    return f"sha256:{hashlib.sha256(text(value).encode()).hexdigest()}"


def put_source(operator: Operator, kind: str, value: str) -> None:
    data = {"stringData" if kind == "Secret" else "data": {"app.yaml": text(value)}}
    operator.api.put({**obj(kind, "source"), **data})


def put_app(operator: Operator, field: str, pinned: str) -> None:
    operator.put_app(manifests=[{field: {"name": "source", "key": "app.yaml", "digest": pinned}}])


def applied(operator: Operator) -> Any:
    return (operator.api.get("ConfigMap", "settings", NAMESPACE) or {}).get("data")


@pytest.mark.parametrize(("kind", "field"), [("ConfigMap", "configMapRef"), ("Secret", "secretRef")])
@in_virtual_time
async def test_what_is_not_pinned_is_not_applied(signer: Signer, kind: str, field: str) -> None:
    async with operating(signer) as operator:
        put_source(operator, kind, "1")
        put_app(operator, field, digest("1"))
        await operator.until_ready()

        put_source(operator, kind, "2")
        await operator.until_reason("ManifestsChanged")
        assert f"{kind} source, key app.yaml: " in operator.message()
        assert (digest("2") in operator.whole_message()) == (kind == "ConfigMap"), "a short secret could be guessed"
        assert applied(operator) == {"a": "1"}

        put_app(operator, field, digest("2"))
        await operator.until_ready()
        assert applied(operator) == {"a": "2"}


@in_virtual_time
async def test_the_pinned_content_put_back_is_taken_up_by_itself(signer: Signer) -> None:
    async with operating(signer) as operator:
        put_source(operator, "ConfigMap", "2")
        put_app(operator, "configMapRef", digest("1"))
        await operator.until_reason("ManifestsChanged")
        assert applied(operator) is None

        put_source(operator, "ConfigMap", "1")
        await operator.until_ready()
        assert applied(operator) == {"a": "1"}

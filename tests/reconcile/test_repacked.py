"""A release that is packed anew, or stands in an object of another name, keeps what it drew (DESIGN 6.5)."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from harness.cluster import NAMESPACE
from harness.inprocess import Operator, operating
from harness.licenses import Signer
from harness.packing import pack
from harness.virtual_time import in_virtual_time, until

pytestmark = pytest.mark.usefixtures("helm_on_path")

SECRET = b"""apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: 'repl{{ RandomString 24 }}', note: NOTE}
"""


def put(operator: Operator, data: bytes, name: str = "release") -> None:
    held = {"r.tgz": base64.b64encode(data).decode()}
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}}
    operator.api.put({**source, "binaryData": held})


def drawn(operator: Operator) -> Any:
    return operator.api.live("Secret", "db", NAMESPACE)["data"]["password"]


@in_virtual_time
async def test_only_another_content_is_another_release(signer: Signer) -> None:
    release = pack({"a.yaml": SECRET})
    async with operating(signer) as operator:
        put(operator, release)
        operator.put_app(manifests=[{"configMapRef": {"name": "release"}}])
        await operator.until_ready()
        first, sources = drawn(operator), operator.status()["sources"]

        put(operator, gzip.compress(gzip.decompress(release), compresslevel=1))
        await until(lambda: operator.status()["sources"] != sources)
        await operator.until_ready()
        assert (operator.status()["release"]["revision"], drawn(operator)) == (1, first)

        put(operator, release, "release-5f7gk2")
        operator.put_app(manifests=[{"configMapRef": {"name": "release-5f7gk2"}}])
        await operator.until_ready()
        assert (operator.status()["release"]["revision"], drawn(operator)) == (1, first)
    async with operating(signer, operator.api) as operator:
        await operator.until_ready()
        assert operator.status()["release"]["revision"] == 1, "nor at a restart"

        put(operator, pack({"a.yaml": SECRET.replace(b"NOTE", b"other")}), "release-5f7gk2")
        await until(lambda: operator.status()["release"]["revision"] == 2)

"""``kotsapp render``: where verdicts come from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.licenses import LICENSE_ID
from harness.loopback import start_registries
from harness.rendering import API, PROXIED, Render, deployment, images
from localworld.registries.registries import Registries as LocalRegistries


def verdicts(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "verdicts.json"
    file.write_text(json.dumps({"images": list(entries)}))
    return file


def test_earlier_verdicts_decide(render: Render, tmp_path: Path) -> None:
    render.add("a.yaml", deployment("web", API, "redis:7", "quay.io/o/hidden:1", "docker.io/busybox"))
    file = verdicts(
        tmp_path,
        {"image": API, "verdict": "Private", "route": "Proxy", "httpStatus": 401},
        {"image": "redis:7", "verdict": "Public", "route": "Direct"},
        {"image": "quay.io/o/hidden:1", "verdict": "NotFound", "route": "Proxy"},
        {"image": "docker.io/busybox", "verdict": "Unreachable", "route": None},
    )
    _, web = render.objects("--verdicts", file, "--assume", "public")
    hidden = "proxy.replicated.com/proxy/my-kots-app/quay.io/o/hidden:1"
    assert images(web) == [PROXIED, "redis:7", hidden, "docker.io/busybox"]
    render("--verdicts", file, code=1)
    assert "does not decide docker.io/busybox (Deployment/web); add --assume" in render.errors


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistries]:
    registries = start_registries(tmp_path_factory.mktemp("registries"))
    try:
        registries.allow_license(LICENSE_ID, slugs=["my-kots-app"])
        registries.push("busybox:1.36")
        registries.push(API)
        registries.push(PROXIED)
        yield registries
    finally:
        registries.stop()


def test_registries_are_asked(render: Render, local: LocalRegistries) -> None:
    render.add("a.yaml", deployment("web", API, "busybox:1.36"))
    _, web = render.objects("--registries", local.file)
    assert images(web) == [PROXIED, "busybox:1.36"]


def test_an_image_that_nothing_decides_is_named(render: Render, local: LocalRegistries) -> None:
    render.add("a.yaml", deployment("web", API, "busybox:no-such-tag"))
    assert render("--registries", local.file, code=1) == ""
    assert "nothing decides busybox:no-such-tag: " in render.errors
    assert "--assume" in render.errors
    assert API not in render.errors

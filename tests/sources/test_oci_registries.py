"""Charts and artifacts in real registries, by the real helm and as oras does it: what is picked, who may have it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from harness.licensed import license_document, write
from harness.loopback import LICENSE_ID, OTHER_LICENSE_ID, SLUG
from harness.oci import artifact, chart_of, flux_artifact, helm_push
from harness.packing import pack
from kotsapp.fair_queue import Tenant
from kotsapp.license import License, Policy, TrustedKeys, load
from kotsapp.registry.config import Registries
from kotsapp.release.archives import unpack
from kotsapp.sources import oci, oci_ref
from kotsapp.sources.artifact import Access, Known
from kotsapp.sources.errors import SourceRefusedError, SourceUnreachableError
from kotsapp.sources.web import Web
from localworld.layout import BASIC_HOST, PROXY, VENDOR_REGISTRY
from localworld.registries import image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from localworld.registries.registries import Registries as LocalRegistries

HOSTS = frozenset({PROXY, VENDOR_REGISTRY})
OPEN = "registry.k8s.io"
RELEASE = pack({"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})


def license_of(license_id: str) -> License:
    return load(write(license_document(licenseID=license_id)), TrustedKeys({}), Policy.WARN)


def access(license_id: str = LICENSE_ID, docker_config: bytes | None = None) -> Access:
    return Access(license_of(license_id), Tenant("apps", "shop"), HOSTS, docker_config)


def chart_version(content: bytes) -> str:
    files = {file.path: file.data for file in unpack(content, "chart")}
    return files["my-chart/Chart.yaml"].decode().partition("version: ")[2].strip()


def logins(**users: str) -> bytes:
    auths = {host: {"auth": base64.b64encode(login.encode()).decode()} for host, login in users.items()}
    return json.dumps({"auths": auths}).encode()


@pytest.fixture
async def web(local: LocalRegistries) -> AsyncIterator[Web]:
    async with Web(Registries.load(local.file)) as web:
        yield web


@pytest.fixture(scope="module")
def chart_place(local: LocalRegistries, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository of the vendor's that the license opens, with six versions by `helm push`."""
    folder = tmp_path_factory.mktemp("charts")
    for version in ("1.0.0", "1.2.0", "1.10.0", "1.10.1-rc.1", "2.0.0+build.7", "3.0.0-beta"):
        helm_push(local, f"{VENDOR_REGISTRY}/{SLUG}/stable", chart_of(version, {"v": version}), folder)
    return f"oci://{VENDOR_REGISTRY}/{SLUG}/stable/my-chart"


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ("1.2.0", "1.2.0"),
        ("1.x", "1.10.0"),
        ("~1.2", "1.2.0"),
        ("*", "2.0.0_build.7"),
        ("2.0.0+build.7", "2.0.0_build.7"),
        (">=1.10.1-0 <2", "1.10.1-rc.1"),
        (">=2.0.0-0", "3.0.0-beta"),
    ],
)
async def test_a_version_or_a_range_picks_the_chart_that_helm_picks(
    web: Web, chart_place: str, version: str, tag: str
) -> None:
    seen = await oci.look(oci_ref.read(chart_place, version=version), access(), None, web)
    assert seen.artifact.revision.startswith(f"{tag}@sha256:")
    assert chart_version(seen.artifact.content) == tag.replace("_", "+")


async def test_a_range_in_which_nothing_is_says_what_there_is(web: Web, chart_place: str) -> None:
    with pytest.raises(SourceRefusedError, match=r"no version in the range >=4 \(its tags: .*3\.0\.0-beta"):
        await oci.look(oci_ref.read(chart_place, version=">=4"), access(), None, web)


async def test_a_look_at_what_has_not_changed_is_one_head(web: Web, chart_place: str, local: LocalRegistries) -> None:
    item = oci_ref.read(chart_place, tag="1.2.0")
    first = await oci.look(item, access(), None, web)
    before = len(local[VENDOR_REGISTRY].requests())
    second = await oci.look(item, access(), Known(first.artifact), web)
    asked = [one.method for one in local[VENDOR_REGISTRY].requests()[before:]]
    assert second.artifact is first.artifact
    assert set(asked) == {"HEAD"}


async def test_a_tag_that_moves_is_followed(web: Web, local: LocalRegistries) -> None:
    place, item = (
        f"{VENDOR_REGISTRY}/{SLUG}/moving",
        oci_ref.read(f"oci://{VENDOR_REGISTRY}/{SLUG}/moving", tag="stable"),
    )
    local.push_built(f"{place}:stable", flux_artifact(RELEASE))
    first = await oci.look(item, access(), None, web)
    other = pack({"b.yaml": b"# other"})
    local.push_built(f"{place}:stable", flux_artifact(other))
    second = await oci.look(item, access(), Known(first.artifact), web)
    assert (first.artifact.content, second.artifact.content) == (RELEASE, other)
    assert first.artifact.revision != second.artifact.revision


async def test_a_digest_stays_and_asks_nobody_once_it_is_known(web: Web, local: LocalRegistries) -> None:
    place = f"{VENDOR_REGISTRY}/{SLUG}/pinned"
    digest = local.push_built(f"{place}:stable", flux_artifact(RELEASE))
    local.push_built(f"{place}:stable", flux_artifact(pack({"b.yaml": b"# other"})))
    item = oci_ref.read(f"oci://{place}", digest=digest)
    first = await oci.look(item, access(), None, web)
    before = len(local[VENDOR_REGISTRY].requests())
    second = await oci.look(item, access(), Known(first.artifact), web)
    assert (first.artifact.revision, first.artifact.content) == (digest, RELEASE)
    assert second.artifact is first.artifact
    assert len(local[VENDOR_REGISTRY].requests()) == before


@pytest.mark.parametrize("media_type", ["application/vnd.oci.image.layer.v1.tar+gzip", "application/x.mine.tar+gzip"])
async def test_any_one_packed_folder_will_do(web: Web, local: LocalRegistries, media_type: str) -> None:
    extra = ("application/vnd.oci.readme.v1+text", b"hello")
    local.push_built(f"{OPEN}/any/folder:v1", artifact([extra, (media_type, RELEASE)]))
    seen = await oci.look(oci_ref.read(f"oci://{OPEN}/any/folder", tag="v1"), access(), None, web)
    assert seen.artifact.content == RELEASE


async def test_an_image_for_several_platforms_is_none(web: Web, local: LocalRegistries) -> None:
    local.push_built(f"{OPEN}/an/image:v1", image.build(f"{OPEN}/an/image:v1", multi_arch=True))
    with pytest.raises(Exception, match="an index of images for several platforms, not a chart"):
        await oci.look(oci_ref.read(f"oci://{OPEN}/an/image", tag="v1"), access(), None, web)


# -- who may have it


async def test_another_license_gets_nothing_of_what_the_first_one_opens(
    web: Web, chart_place: str, local: LocalRegistries
) -> None:
    """Through one client, whose tokens are kept: nothing of the first tenant's serves the second one."""
    local.allow_license(OTHER_LICENSE_ID, slugs=["another-app"])
    item = oci_ref.read(chart_place, version="1.x")
    await oci.look(item, access(LICENSE_ID), None, web)
    for asked in (item, oci_ref.read(chart_place, tag="1.2.0")):
        with pytest.raises(SourceRefusedError, match="refuses the license; ask the vendor") as caught:
            await oci.look(asked, access(OTHER_LICENSE_ID), None, web)
        assert OTHER_LICENSE_ID not in str(caught.value)


async def test_the_license_id_is_sent_to_no_registry_that_is_not_the_licenses(web: Web, local: LocalRegistries) -> None:
    local.push_built("quay.io/my-org/chart:v1", flux_artifact(RELEASE))
    with pytest.raises(SourceRefusedError, match="it wants a login; name a Secret"):
        await oci.look(oci_ref.read("oci://quay.io/my-org/chart", tag="v1"), access(), None, web)
    assert "LICENSE_ID" not in {request.user for request in local.token_requests("quay.io")}


@pytest.mark.parametrize("host", ["quay.io", "ghcr.io", BASIC_HOST])
async def test_a_login_of_ones_own_opens_a_registry(web: Web, local: LocalRegistries, host: str) -> None:
    local.allow_user(host, "me", "my-own-password", pull=["mine/*"])
    local.push_built(f"{host}/mine/app:v1", flux_artifact(RELEASE))
    item = oci_ref.read(f"oci://{host}/mine/app", tag="v1", secret="login")
    seen = await oci.look(item, access(docker_config=logins(**{host: "me:my-own-password"})), None, web)
    assert seen.artifact.content == RELEASE
    with pytest.raises(SourceRefusedError, match="the login of the Secret in secretRef; renew it") as caught:
        await oci.look(item, access(docker_config=logins(**{host: "me:another-password"})), None, web)
    assert "another-password" not in str(caught.value)


async def test_a_secret_without_a_login_for_the_registry_says_how_to_make_one(web: Web) -> None:
    item = oci_ref.read("oci://quay.io/mine/app", tag="v1", secret="login")
    with pytest.raises(SourceRefusedError, match=r"create secret docker-registry login --docker-server=quay\.io"):
        await oci.look(item, access(docker_config=logins(**{"ghcr.io": "a:b"})), None, web)


async def test_what_is_not_there_is_told_by_its_name(web: Web, chart_place: str) -> None:
    with pytest.raises(SourceRefusedError, match=r"my-chart:9\.9\.9: the registry answered 404"):
        await oci.look(oci_ref.read(chart_place, version="9.9.9"), access(), None, web)


async def test_a_registry_that_is_down_passes_by_itself(web: Web, chart_place: str, local: LocalRegistries) -> None:
    local[VENDOR_REGISTRY].kill()
    try:
        with pytest.raises(SourceUnreachableError, match=rf"{VENDOR_REGISTRY} can't be reached"):
            await oci.look(oci_ref.read(chart_place, version="1.2.0"), access(), None, web)
    finally:
        local[VENDOR_REGISTRY].start()
        local[VENDOR_REGISTRY].wait_ready()

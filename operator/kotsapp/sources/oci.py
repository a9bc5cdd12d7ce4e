"""A chart or a release in an OCI registry: which artifact is meant now, and its content when it is another one.

Each look is one HEAD, for a range after the list of tags. The content is fetched by its digest and held against it, so
that nobody between us and the registry can put another one in its place (DESIGN 6.1).
"""

import asyncio
from dataclasses import dataclass, replace

from kotsapp.pullsecret import USER_NAME
from kotsapp.registry.client import Answer
from kotsapp.registry.credential import Credential
from kotsapp.registry.evidence import NoAnswer
from kotsapp.registry.host_state import retry_after
from kotsapp.registry.manifest import ACCEPT, first_code
from kotsapp.registry.repository import LoginRefusedError, Repository, Wanted
from kotsapp.sources import docker_config, oci_manifest, oci_refusals, tags
from kotsapp.sources.artifact import Access, Artifact, Known, Seen, digest_of
from kotsapp.sources.docker_config import DockerConfigError
from kotsapp.sources.errors import SourceContentError, SourceRefusedError, SourceUnreachableError
from kotsapp.sources.limits import (
    ASK_SECONDS,
    FETCH_SECONDS,
    LIST_SECONDS,
    MAX_MANIFEST,
    MAX_TAG_PAGES,
    MAX_TAGS,
    MAX_TAGS_BODY,
)
from kotsapp.sources.oci_manifest import NoArtifactError
from kotsapp.sources.oci_ref import OciRef
from kotsapp.sources.semver import Range, parse
from kotsapp.sources.web import Web, trouble

FILE_NAME = "artifact.tgz"
# In ``Artifact.facts``: the manifest's digest, and the tag that it was found by, empty for none.
MANIFEST, TAG = "manifest", "tag"
_DIGEST_HEADER = "Docker-Content-Digest"
# No HEAD here; a GET says the same.
_NO_HEAD = frozenset({405, 501})


async def look(item: OciRef, access: Access, known: Known | None, web: Web) -> Seen:
    """The artifact that is meant now; a ``Look`` (artifact.py). Raises SourceError."""
    # A thread, because a Secret may hold a megabyte of logins, and other apps go on meanwhile.
    asker = _Asker(item, await asyncio.to_thread(_repository, item, access), web)
    facts = known.artifact.facts if known is not None and known.artifact.content else {}
    if item.digest is not None and facts.get(MANIFEST) == item.digest and known is not None:
        return Seen(known.artifact)  # what a digest stands for never changes
    tag = await asker.tag()
    digest, manifest = item.digest or await asker.digest(tag), b""
    if not digest:
        digest, manifest = await asker.manifest(tag)
    if known is not None and facts.get(MANIFEST) == digest:
        same = facts.get(TAG) == tag
        return Seen(known.artifact if same else _named(known.artifact, digest, tag))
    async with web.fetching(access.tenant):
        if not manifest:
            digest, manifest = await asker.manifest(digest)
        content = await asker.content(digest, manifest)
    return Seen(_named(Artifact("", digest_of(content), content, FILE_NAME), digest, tag))


def _named(artifact: Artifact, digest: str, tag: str) -> Artifact:
    revision = f"{tag}@{digest}" if tag else digest
    return replace(artifact, revision=revision, facts={MANIFEST: digest, TAG: tag})


def _repository(item: OciRef, access: Access) -> Repository:
    """With the license's credential at the license's hosts alone; else with the Secret's, else anonymously."""
    if item.registry in access.license_hosts:
        hosts = access.license_hosts
        credential = Credential(USER_NAME, access.license.license_id, hosts)
        return Repository(item.registry, item.repository, credential)
    if access.docker_config is None:
        return Repository(item.registry, item.repository)
    try:
        login = docker_config.credential_for(access.docker_config, item.registry, item.repository)
    except DockerConfigError as error:
        raise SourceRefusedError(f"Secret {item.secret} is not a login (dockerconfigjson): {error}") from None
    if login is None:
        raise SourceRefusedError(
            f"Secret {item.secret} has no login for {item.registry}; make one: kubectl create secret docker-registry"
            f" {item.secret} --docker-server={item.registry} --docker-username=USER --docker-password=PASSWORD"
        )
    return Repository(item.registry, item.repository, login)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks for one item. Everything raises SourceError."""

    item: OciRef
    repository: Repository
    web: Web

    async def tag(self) -> str:
        """The tag to ask for; empty where the digest says it all."""
        item = self.item
        if item.digest is not None or item.tag is not None:
            return item.tag or ""
        version = item.version or ""
        if parse(version) is not None:
            return tags.of_version(version)
        try:
            async with asyncio.timeout(LIST_SECONDS):
                names = await self._tags()
        except TimeoutError:
            raise SourceUnreachableError(
                f"the tags of {item.place} did not come within {LIST_SECONDS:g} s; name a tag or a digest"
            ) from None
        by_version = tags.versions(names)
        # A thread, because thousands of tags take a while, and other apps go on meanwhile.
        newest = await asyncio.to_thread(Range.parse(version).newest, by_version)
        if newest is None:
            raise SourceRefusedError(
                f"{item.place} has no version in the range {version} ({oci_refusals.tags_listed(names)}); pre-releases"
                " count only where the range names one, such as >=1.0.0-0"
            )
        return by_version[newest.text]

    async def digest(self, tag: str) -> str:
        """What the tag stands for now, by HEAD; empty where the registry doesn't say it that way."""
        answer = await self._ask(self._manifest("HEAD", tag), ASK_SECONDS)
        if answer.status in _NO_HEAD:
            return ""
        self._check(answer, f"{self.item.place}:{tag}")
        digest: str = answer.headers.get(_DIGEST_HEADER, "")
        return digest if oci_manifest.is_digest(digest) else ""

    async def manifest(self, target: str) -> tuple[str, bytes]:
        """The manifest with its digest; ``target`` is a tag or a digest."""
        at = "@" if oci_manifest.is_digest(target) else ":"
        what = f"{self.item.place}{at}{target}"
        answer = await self._ask(self._manifest("GET", target), ASK_SECONDS)
        self._check(answer, what)
        if not answer.complete:
            raise SourceContentError(
                f"{what} has a manifest of more than {MAX_MANIFEST // 1024} KiB: it is not a chart"
            )
        if at == ":":
            target = digest_of(answer.body)
            claimed = answer.headers.get(_DIGEST_HEADER, target)
            if claimed.startswith("sha256:") and claimed != target:
                raise SourceContentError(f"{what}: the manifest that came is not the one of the digest beside it")
        elif not oci_manifest.matches(answer.body, target):
            raise SourceContentError(f"{what}: what came has another digest, so it is not what was asked for")
        return target, answer.body

    async def content(self, digest: str, manifest: bytes) -> bytes:
        """The content of the manifest's layer."""
        what = f"{self.item.place}@{digest}"
        try:
            layer = await asyncio.to_thread(oci_manifest.layer_of, manifest)
        except NoArtifactError as error:
            raise SourceContentError(f"{what} can't be used: {error}") from None
        blob = await self._ask(Wanted("blob", f"/blobs/{layer.digest}", limit=layer.size), FETCH_SECONDS)
        self._check(blob, f"the layer of {what}")
        if not blob.complete or len(blob.body) != layer.size:
            more = "more" if not blob.complete else str(len(blob.body))
            lost = f"the layer of {what} has {layer.size} bytes, and {more} came"
            raise SourceContentError(f"{lost}: the registry lost some of it, push it again")
        if not await asyncio.to_thread(oci_manifest.matches, blob.body, layer.digest):
            raise SourceContentError(f"the layer of {what} came with another digest than its manifest says")
        return blob.body

    async def _tags(self) -> list[str]:
        found: list[str] = []
        query = tags.FIRST_PAGE
        for _ in range(MAX_TAG_PAGES):
            answer = await self._ask(Wanted("tags", "/tags/list", query, limit=MAX_TAGS_BODY), ASK_SECONDS)
            self._check(answer, f"the tags of {self.item.place}")
            try:
                if not answer.complete:
                    raise ValueError(f"it is larger than {MAX_TAGS_BODY // 1024} KiB")
                found += await asyncio.to_thread(tags.read, answer.body)
            except ValueError as error:
                raise SourceContentError(f"the list of tags of {self.item.place} can't be read: {error}") from None
            query = tags.next_page(answer.headers)
            if not query:
                return found
            if len(found) > MAX_TAGS:
                break
        raise SourceContentError(
            f"{self.item.place} has more than {MAX_TAGS} tags, too many to pick a version from; name a tag or a digest"
        )

    def _manifest(self, method: str, target: str) -> Wanted:
        kind, headers = f"manifest_{method.lower()}", {"Accept": ACCEPT}
        return Wanted(kind, f"/manifests/{target}", "", method, headers, MAX_MANIFEST)

    async def _ask(self, wanted: Wanted, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                return await self.web.repositories.ask(self.repository, wanted)
        except TimeoutError:
            raise SourceUnreachableError(f"{self.item.registry} did not answer within {seconds:g} s") from None
        except LoginRefusedError as refused:
            raise oci_refusals.of_login(refused.evidence, self.item, self.repository.credential) from None
        except NoAnswer as no_answer:
            raise trouble(no_answer) from None

    def _check(self, answer: Answer, what: str) -> None:
        if answer.status != 200:
            code = first_code(answer.body)
            wish = retry_after(answer.headers.get("Retry-After"))
            raise oci_refusals.of_status(answer.status, code, wish, what, self.repository.credential)

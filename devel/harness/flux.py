"""The Flux part of docs/gitops.md in a world with Flux's controllers: the page's objects, commits, and what is told."""

import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from harness.gitops_page import APP, PAGE
from harness.waiting import until
from localworld.api import ApiError
from localworld.flux import NAMESPACE
from localworld.git_server import GitServer
from localworld.programs.flux import FluxPrograms
from localworld.world import World

Object = dict[str, Any]

_PATHS = {
    "Kustomization": f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations",
    "GitRepository": f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories",
}
_REQUESTED = "reconcile.fluxcd.io/requestedAt"
# Flux looks at what it waits for every 5 s; the machine may have other things to do.
_SECONDS = 180.0


def page_objects(marker: str) -> list[Object]:
    """The objects of the page's example of Flux that has this text in it."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "toolkit.fluxcd.io" in block and marker in block)
    return list(yaml.safe_load_all(block))


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree and the bare repository that is served of it."""

    tree: Path
    url: str

    @classmethod
    def made(cls, server: GitServer, tree: Path) -> Self:
        """Without a commit; the working tree is an empty folder, or holds what the first commit is to hold."""
        bare = server.folder / "apps.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True, env=_GIT)
        repository = cls(tree, server.url(bare.name))
        repository._git("init", "--quiet", "--initial-branch=main")
        repository._git("remote", "add", "origin", str(bare))
        return repository

    def push(self) -> str:
        """Commit the tree as it is, and push it; the revision, as Flux writes it."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=as the test has it")
        self._git("push", "--quiet", "origin", "main")
        return f"main@sha1:{self._git('rev-parse', 'HEAD')}"

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.tree, check=True, capture_output=True, text=True, env=_GIT)
        return done.stdout.strip()


_GIT = {
    **os.environ,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": "test@example.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@dataclass(frozen=True, slots=True)
class Sops:
    """A key of age's, with which the page's command encrypts a file and Flux decrypts it."""

    program: Path
    key: str

    @classmethod
    def made(cls, programs: FluxPrograms) -> Self:
        done = subprocess.run([str(programs.age_keygen)], check=True, capture_output=True, text=True)
        return cls(programs.sops, done.stdout)

    def encrypt(self, file: Path) -> None:
        """As the page says, in place."""
        (public,) = re.findall(r"# public key: (\S+)", self.key)
        command = [str(self.program), *_sops_command(), str(file)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=os.environ | {"SOPS_AGE_RECIPIENTS": public}
        )
        assert done.returncode == 0, done.stderr


def _sops_command() -> list[str]:
    """The page's own arguments, without the file."""
    (line,) = re.findall(r"^sops (.*) \S+$", PAGE.read_text(), re.MULTILINE)
    return [argument.strip("'") for argument in line.split()]


@dataclass(frozen=True, slots=True)
class FluxObjects:
    """What a person does with Flux in its namespace: apply, `flux reconcile`, look, delete."""

    world: World
    repository: Repository

    def apply(self, *objects: Object) -> None:
        """As `kubectl apply` does; where Git is, is the one thing that differs from the page."""
        for obj in objects:
            if obj["kind"] == "GitRepository":
                obj = obj | {"spec": obj["spec"] | {"url": self.repository.url}}
            self.world.api.apply(self._path(obj["kind"], obj["metadata"]["name"]), obj)

    def change(self, kind: str, name: str, **spec: Any) -> None:
        """Fields of its spec, as `flux suspend` and `kubectl patch` do."""
        self.world.api.merge(self._path(kind, name), {"spec": spec})

    def reconcile(self, kind: str, name: str) -> None:
        """What `flux reconcile` asks for."""
        self.world.api.merge(self._path(kind, name), {"metadata": {"annotations": {_REQUESTED: secrets.token_hex(4)}}})

    def delete(self, kind: str, name: str) -> None:
        """Without waiting; what is not there stays away."""
        try:
            self.world.api.delete(self._path(kind, name))
        except ApiError as error:
            if error.status != 404:
                raise

    def get(self, kind: str, name: str) -> Object:
        """The object, empty when there is none."""
        try:
            return self.world.api.get(self._path(kind, name))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise

    def pushed(self, source: str = "platform") -> str:
        """Commit and push, have Flux fetch it at once, and wait until it has; the revision."""
        revision = self.repository.push()
        self.reconcile("GitRepository", source)

        def fetched() -> bool:
            artifact = self.get("GitRepository", source).get("status", {}).get("artifact") or {}
            return bool(artifact.get("revision") == revision)

        until(fetched, f"{source} is at {revision}", _SECONDS)
        return revision

    def settled(self, revision: str, name: str = APP, seconds: float = _SECONDS) -> Object:
        """The Ready condition of a Kustomization, once it is done with this revision."""

        def done() -> Object | None:
            found = self.get("Kustomization", name)
            status = found.get("status") or {}
            ready = condition(found)
            attempted = status.get("lastAttemptedRevision") == revision
            current = attempted and ready.get("observedGeneration") == found["metadata"]["generation"]
            return ready if current and ready["status"] != "Unknown" else None

        return until(done, f"Kustomization {name} is done with {revision}: {self.get('Kustomization', name)}", seconds)

    def inventory(self, name: str = APP) -> set[str]:
        """Ids of what it applied: namespace, name, group and kind, joined by `_`."""
        status = self.get("Kustomization", name).get("status") or {}
        return {entry["id"] for entry in status.get("inventory", {}).get("entries", ())}

    def events(self, name: str = APP) -> list[Object]:
        """Events about a Kustomization."""
        found = self.world.api.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
        return [
            e for e in found if e["involvedObject"]["kind"] == "Kustomization" and e["involvedObject"]["name"] == name
        ]

    @staticmethod
    def _path(kind: str, name: str) -> str:
        return f"{_PATHS[kind]}/{name}"


def condition(obj: Mapping[str, Any], type_: str = "Ready") -> Object:
    """A condition by its type, empty when there is none."""
    found: Object = next((c for c in obj.get("status", {}).get("conditions") or () if c["type"] == type_), {})
    return found

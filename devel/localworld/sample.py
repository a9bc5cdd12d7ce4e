"""A sample vendor in a world: a license, an app of eight lines, and a channel, which is a folder of releases."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from localworld import layout
from localworld.process import ProcessError
from localworld.release_channel import Customer

if TYPE_CHECKING:
    from localworld.release_channel import Vendor
    from localworld.world import World

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "my-kots-app"
NAMESPACE, APP, CHANNEL = "apps", "my-kots-app", "stable"
# Images of releases that somebody puts there by hand are pushed where their own hosts are, so that they can be pulled.
_PRIVATE = re.compile(r"image: (quay\.io/my-org/\S+|ghcr\.io/my-org/\S+)")
_PARTS = re.compile(r"(\d+)")

Content = tuple[tuple[str, int, int], ...]


def is_possible() -> bool:
    """Whether licenses can be signed here."""
    return importlib.util.find_spec("kotsapp") is not None and EXAMPLE.is_dir()


def sign(license: Path, keys: Path) -> str:
    """The License document, signed by keys of one's own, which are made where there are none. Raises ProcessError."""
    command = [sys.executable, "-m", "kotsapp", "license", "sign", "--keys", str(keys), str(license)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProcessError(f"the sample license can't be signed: {done.stderr.strip()}")
    return done.stdout


def publish(world: World, version: str, folder: Path) -> None:
    """Release this folder's files as the channel's newest, with the private images in it."""
    files = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    for image in sorted(
        {found for text in files.values() for found in _PRIVATE.findall(text.decode(errors="replace"))}
    ):
        world.push_image(image, proxied_for=APP)
    world.releases.vendor(APP).publish(version, files, CHANNEL)


@dataclass(slots=True)
class Sample:
    """What is offered in ``folder``; ``world`` serves it."""

    world: World
    folder: Path
    _seen: dict[str, Content] = field(default_factory=dict)
    _published: set[str] = field(default_factory=set)

    @classmethod
    def offer(cls, world: World) -> Sample:
        """With one release, made anew. Raises ProcessError."""
        made = cls(world, world.folder / "sample")
        made.channel.mkdir(parents=True)
        license = sign(EXAMPLE / "license.yaml", made.keys)
        made._vendor.customers[layout.SAMPLE_LICENSE] = Customer(license.encode(), 3, CHANNEL)
        first = min((EXAMPLE / "release").iterdir())
        publish(world, first.name, first)
        made._published.add(first.name)
        (made.folder / "license.yaml").write_text(license)
        made.app.write_text(_app(license))
        return made

    @property
    def keys(self) -> Path:
        """For ``--trusted-keys``."""
        return self.folder / "keys"

    @property
    def channel(self) -> Path:
        """Each folder that is put here is released, under its name."""
        return self.folder / "channel"

    @property
    def app(self) -> Path:
        """For ``kubectl apply -f``."""
        return self.folder / "app.yaml"

    def look(self) -> list[str]:
        """Release what was put into the channel, once it stays as it is from one look to the next; the versions."""
        found = {folder.name: _content(folder) for folder in self.channel.iterdir() if folder.is_dir()}
        whole = [name for name, content in found.items() if content and self._seen.get(name) == content]
        self._seen = found
        new = sorted(set(whole) - self._published, key=_natural)
        for version in new:
            self._published.add(version)
            publish(self.world, version, self.channel / version)
        return new

    @property
    def _vendor(self) -> Vendor:
        return self.world.releases.vendor(APP)


def _app(license: str) -> str:
    """A namespace, the license, and the KotsApp of the example."""
    indented = "".join(f"    {line}\n" for line in license.splitlines())
    return (
        f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\n"
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: my-license, namespace: {NAMESPACE}}}\n"
        f"stringData:\n  license.yaml: |\n{indented}---\n{(EXAMPLE / 'kotsapp.yaml').read_text()}"
    )


def _content(folder: Path) -> Content:
    """Names, sizes and times of its files."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)


def _natural(name: str) -> list[tuple[int, str]]:
    """1.9.0 before 1.10.0."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _PARTS.split(name)]

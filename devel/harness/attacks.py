"""Inputs with which whoever may write one ConfigMap and one KotsApp stopped or starved the operator for everybody.

Each was found by attacking it, and is kept as it was, or as near to it as the API server takes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from harness.apps import PUBLIC, config_map, deployment
from harness.charts import pack_chart
from harness.packing import pack

if TYPE_CHECKING:
    from harness.apps import Tenant

MIB = 1024 * 1024
# Hosts of the world's registries file that misbehave, see harness.holding.
SILENT_HOST, HANGING_HOST = "silent-{}.example.invalid", "hanging-{}.example.invalid"
SILENT_HOSTS, HANGING_HOSTS = 96, 33
# Names for which no name server answers: harness.holding makes getaddrinfo wait.
SILENT_NAME = "unanswered-{}.example.invalid"


@dataclass(frozen=True)
class Attack:
    """What a tenant does: ``sources`` are the files of each of its ``apps`` apps, by the app's name, text inline or
    bytes in a Secret. ``reason`` is what Ready comes to tell, empty where it may be anything, and ``told`` is in its
    message; ``outlasts`` says that by far it goes on for longer than an ordinary app takes to be Ready. ``again`` is
    done while it lasts, with a growing number."""

    title: str
    sources: Callable[[str], Sequence[str | bytes]]
    apps: int = 1
    reason: str = ""
    message: str = ""
    outlasts: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict)
    again: Callable[[Tenant, int], None] | None = None

    @property
    def names(self) -> list[str]:
        return [f"attack-{number}" for number in range(self.apps)]

    def begin(self, tenant: Tenant) -> int:
        """Put the apps there; the bytes of the sources of one."""
        size = 0
        for name in self.names:
            # An own document each, so that none is told from another by its sources.
            items: list[dict[str, Any]] = [{"inline": json.dumps(config_map(name, a="1"))}]
            sources = self.sources(name)
            size = sum(len(source) for source in sources)
            for number, source in enumerate(sources):
                if isinstance(source, str):
                    items.append({"inline": source})
                else:
                    secret = f"{name}-{number}"
                    tenant.put_secret(secret, {"release.tgz": source})
                    items.append({"secretRef": {"name": secret, "key": "release.tgz"}})
            body = {"license": {"secretRef": {"name": "my-license"}}, "manifests": items, **self.spec}
            tenant.put_app_spec(name, body)
        return size


def _images(hosts: str, count: int, images: int = 1) -> str:
    pods = [
        deployment(f"d{number}-{tag}", f"{hosts.format(number)}/x/y:{tag}", replicas=0)
        for number in range(count)
        for tag in range(images)
    ]
    return yaml.safe_dump_all(pods)


def _hanging(_: str) -> Sequence[str]:
    first = [deployment(f"f{n}", f"{HANGING_HOST.format(n)}/first/y:1", replicas=0) for n in range(HANGING_HOSTS)]
    return [yaml.safe_dump_all(first), _images(HANGING_HOST, HANGING_HOSTS, 8)]


def _nested(depth: int, width: int, data: bytes) -> bytes:
    for _ in range(depth):
        data = pack({f"{number}.tgz": data for number in range(width)})
    return data


def _pod(images: int) -> bytes:
    containers = "".join(f"  - {{name: c{number}, image: i{number}}}\n" for number in range(images))
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}".encode()


def _pods_of_one_image(count: int) -> bytes:
    one = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{}}}\nspec: {{containers: [{{name: c, image: busybox}}]}}\n"
    )
    return "".join(one.format(number) for number in range(count)).encode()


def _texts(count: int) -> bytes:
    lines = "".join(f"  k{number}: x\n" for number in range(count))
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{lines}".encode()


def _chart(template: str, **files: str) -> Sequence[bytes]:
    chart = pack_chart("big", {"templates/a.yaml": template, **files})
    document = {
        "apiVersion": "kots.io/v1beta2",
        "kind": "HelmChart",
        "metadata": {"name": "big"},
        "spec": {"chart": {"name": "big", "chartVersion": "1.0.0"}},
    }
    return [pack({"chart.yaml": yaml.safe_dump(document).encode(), "big-1.0.0.tgz": chart})]


def _merges(count: int) -> Sequence[bytes]:
    values = {f"k{number}": {"a": {"b": {"c": "x" * 20}}} for number in range(2000)}
    optional = [{"when": "true", "recursiveMerge": True, "values": {f"o{n}": {"a": 1}}} for n in range(count)]
    document = {
        "apiVersion": "kots.io/v1beta2",
        "kind": "HelmChart",
        "metadata": {"name": "big"},
        "spec": {"chart": {"name": "big", "chartVersion": "1.0.0"}, "values": values, "optionalValues": optional},
    }
    chart = pack_chart("big", {"templates/a.yaml": json.dumps(config_map("a", a="1"))})
    return [pack({"chart.yaml": yaml.safe_dump(document).encode(), "big-1.0.0.tgz": chart})]


def _files(count: int, size: int) -> Sequence[bytes]:
    files = {f"files/{number}.txt": "x" * size for number in range(count)}
    return _chart(json.dumps(config_map("a", a="1")), **files)


def _ask_for_a_probe(tenant: Tenant, number: int) -> None:
    path = tenant.path("kotsapps", "attack-0")
    annotations = {"kotsapp.dev/requestedAt": str(number), "kotsapp.dev/renderAt": str(number)}
    tenant.world.api.merge(path, {"metadata": {"annotations": annotations}})


_BOMB = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n" + b"".join(
    b"  k%d: [%s]\n" % (number, b"[]," * 50_000) for number in range(200)
)
_RANGE = "{{ range $i := until %d }}"
_OBJECT = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME-{{ $i }}}\ndata: {a: b}\n{{ end }}"
_SLOW = f"{_RANGE % 100_000}{_RANGE % 100_000}{{{{ $x := sha256sum (toString $i) }}}}{{{{ end }}}}{{{{ end }}}}"
_GROWING = '{{ $x := "aaaaaaaa" }}{{ range until 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}a: {{ $x }}'
_WIDE, _HONEST = _RANGE % 200_000 + _OBJECT, _RANGE % 60 + _OBJECT


_INLINE, _TOOK = "spec.manifests[1].inline, document 1, line", "reading the sources took more than"


def attacks() -> Iterator[Attack]:
    """All of them; each one's text is made when it begins."""
    yield Attack(
        '{" and 60,000 times \\"',
        lambda _: ['{"' + '\\"' * 60_000],
        reason="InvalidManifest",
        message=f"{_INLINE} 2: is not YAML",
    )
    yield Attack(
        "50,000 times [",
        lambda _: ["[" * 50_000],
        reason="InvalidManifest",
        message=f"{_INLINE} 1: is nested more than",
    )
    yield Attack(
        "5,000 digits in a scalar", lambda _: ["a: " + "9" * 5_000], reason="InvalidManifest", message=f"{_INLINE} 1: "
    )
    yield Attack(
        "an archive of archives of archives, six apps",
        lambda _: [_nested(3, 12, pack({"a.yaml": b"\n" * MIB}))],
        apps=6,
        reason="InvalidManifest",
        message="key release.tgz, 0.tgz: is an archive in an archive",
    )
    yield Attack("archived YAML of 30 MiB", lambda _: [pack({"a.yaml": _BOMB})], reason="TooExpensive", message=_TOOK)
    yield Attack("one wide character in 14 MiB", lambda _: [_wide_text()], apps=3, reason="TooExpensive", message=_TOOK)
    yield Attack(
        "one Pod of 60,000 images",
        lambda _: [pack({"a.yaml": _pod(60_000)})],
        reason="InvalidManifest",
        message="a.yaml, document 1, line 1: names images at more than",
    )
    yield Attack(
        "140,000 Pods of one image",
        lambda _: [pack({"a.yaml": _pods_of_one_image(140_000)})],
        reason="InvalidManifest",
        message="key release.tgz, a.yaml: has more than",
    )
    yield Attack("a chart that doubles a text 40 times", lambda _: _chart(_GROWING), apps=2)
    yield Attack("a chart of 200,000 objects", lambda _: _chart(_WIDE), apps=2, reason="InvalidManifest", outlasts=True)
    yield Attack("a chart that computes for ever, four apps", lambda _: _chart(_SLOW), apps=4, outlasts=True)
    yield Attack("16 honest charts", lambda name: _chart(_HONEST.replace("NAME", name)), apps=16, outlasts=True)
    yield Attack("recursiveMerge of 400 items", lambda _: _merges(400))
    yield Attack(
        "a chart with 330 MiB of files",
        lambda _: _files(330, MIB),
        reason="InvalidManifest",
        message="key release.tgz, big-1.0.0.tgz: unpacks to more than",
    )
    yield Attack("600 names that nobody answers for", lambda _: [_images(SILENT_NAME, 600)])
    yield Attack("33 hosts that answer once and hang", _hanging, spec={"probe": {"timeout": "60s"}})
    yield Attack("96 new hosts that are silent", lambda _: [_images(SILENT_HOST, SILENT_HOSTS, 4)])
    yield Attack(
        "a fresh probe and a rendering asked for without end",
        lambda _: [yaml.safe_dump_all([deployment("d", PUBLIC, replicas=0)]), _HONEST_TEXT],
        again=_ask_for_a_probe,
    )
    yield Attack(
        "190,000 texts at 64 imagePaths",
        lambda _: [pack({"a.yaml": _texts(190_000)})],
        reason="InvalidManifest",
        message="spec.imagePaths leads to more than",
        spec={"imagePaths": [{"group": "", "kind": "ConfigMap", "path": "data.*"}] * 64},
    )
    yield Attack(
        "24 apps of 380,000 values that wait for silent hosts",
        lambda _: [pack({"a.yaml": _settings(19, 10_000)}), _images(SILENT_HOST, SILENT_HOSTS)],
        apps=24,
        outlasts=True,
        spec={"probe": {"timeout": "60s"}},
    )
    yield Attack(
        "24 apps of 380,000 values that are never healthy",
        lambda name: [pack({"a.yaml": _settings(19, 10_000)}), yaml.safe_dump(deployment(name, PUBLIC))],
        apps=24,
        outlasts=True,
    )
    yield Attack("60 apps of 150 objects", lambda name: [_many(name, 150)], apps=60, outlasts=True)


def _settings(count: int, keys: int) -> bytes:
    """ConfigMaps, each with so many keys."""
    lines = "".join(f'  k{number}: ""\n' for number in range(keys))
    one = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: many-{}}}\ndata:\n{}"
    return "".join(one.format(number, lines) for number in range(count)).encode()


def _wide_text() -> bytes:
    return pack({"a.yaml": f"# \U0001f600{'x' * 14 * MIB}".encode()})


def _many(name: str, count: int) -> str:
    return yaml.safe_dump_all([config_map(f"{name}-{number}", a="1") for number in range(count)])


_HONEST_TEXT = json.dumps(config_map("drawn", a="{{repl RandomString 20}}"))

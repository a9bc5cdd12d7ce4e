"""What is fuzzed beside YAML and archives: JSON, charts and the schemas of their values, licenses, and specs.

Each kind makes an input out of random numbers and tries it: it returns whether the input was taken, and raises for
anything that is neither an answer nor an error of the kind that is reported.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from harness import fuzz_inputs
from harness.bad_specs import GOOD
from harness.charts import pack_chart
from harness.licensed import license_document
from harness.packing import pack
from kotsapp.api.spec import SpecError, parse_spec
from kotsapp.license import LicenseError, Policy, TrustedKeys, load
from kotsapp.lint.check import check
from kotsapp.lint.formats import github, junit, sarif
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import chart_archive, charts, helm_chart, installation
from kotsapp.release.archives import ArchiveFile, unpack
from kotsapp.release.source_file import SourceFile
from kotsapp.sources import docker_config, oci_manifest, pending, semver, tags
from kotsapp.sources.errors import SourceContentError

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**63, 10**25, "", "a", "é", "\ud83d", "\x00", "#", "#/a", "http://127.0.0.1:1/"),
    *("0" * 5000, "repl{{ Namespace }}", "repl{{", [], {}, [[]], [None], {"a": None}, {"": ""}, {"$ref": "#"}),
)
NAMES = ("kind", "apiVersion", "metadata", "name", "spec", "items", "$ref", "$id", "$schema", "$dynamicRef", "a", "")
OBJECTS: tuple[Any, ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"a": "b"}}, "data": {"a": "b"}},
    {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}]},
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a"},
        "spec": {"group": "a.b", "names": {"kind": "W"}, "scope": "Cluster"},
    },
    {"apiVersion": "kots.io/v1beta1", "kind": "Config", "metadata": {"name": "c"}, "spec": {"groups": [{"name": "g"}]}},
)
SCHEMA: Any = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"type": "array", "items": {"type": "string"}}},
    "$defs": {"n": {"type": "integer"}},
}
HELM_CHART = fuzz_inputs.WHOLE[3]
FETCHED: Mapping[str, Any] = {
    **GOOD,
    "manifests": [
        {
            "ociRef": {"url": "oci://ghcr.io/a", "version": "1.x", "secretRef": {"name": "a"}},
            "chart": {"releaseName": "a", "values": {"a": 1}, "valuesFrom": [{"secretRef": {"name": "a"}}]},
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Kind:
    """``make`` an input, ``attempt`` it."""

    name: str
    make: Callable[[random.Random], Any]
    attempt: Callable[[Any], bool]


def changed(value: Any, numbers: random.Random, values: tuple[Any, ...] = VALUES) -> Any:
    """A copy with some values replaced, removed, renamed or put in."""
    value = copy.deepcopy(value)
    for _ in range(numbers.randint(1, 4)):
        holders = [holder for holder in _holders(value) if holder]
        if not holders:
            break
        holder = numbers.choice(holders)
        key = numbers.choice(list(holder)) if isinstance(holder, dict) else numbers.randrange(len(holder))
        drawn = copy.deepcopy(numbers.choice(values))
        match numbers.randrange(4):
            case 0 if isinstance(holder, dict):
                holder[numbers.choice(NAMES)] = drawn
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.append(drawn)
            case _:
                holder[key] = drawn
    return value


def _holders(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, (dict, list)) else []
    return [*own, *(found for child in children for found in _holders(child))]


def random_json(numbers: random.Random) -> bytes:
    text = "\n".join(json.dumps(changed(numbers.choice(OBJECTS), numbers)) for _ in range(numbers.randint(1, 3)))
    for _ in range(numbers.randint(0, 3)):
        cut = numbers.randrange(len(text))
        text = text[:cut] + numbers.choice(fuzz_inputs.PIECES) + text[cut + numbers.randint(0, 3) :]
    return text.encode("utf-8", "surrogatepass")


def random_schema(numbers: random.Random) -> bytes:
    text = json.dumps(changed(SCHEMA, numbers))
    if numbers.random() < 0.3:
        cut = numbers.randrange(len(text))
        text = text[:cut] + numbers.choice(('"', "\\", "\\u0066", "{", "]", "NaN", "\x00", "1e999")) + text[cut:]
    return text.encode("utf-8", "surrogatepass")


def attempt_schema(data: bytes) -> bool:
    """Whether it stays inside. What does, by its own decoded text, names nothing outside."""
    outside = chart_archive.refers_outside((ArchiveFile("demo/values.schema.json", data),))
    if not outside:
        for holder in _holders(json.loads(data)):
            for name in ("$ref", "$dynamicRef", "$recursiveRef"):
                found = holder.get(name) if isinstance(holder, dict) else None
                if isinstance(found, str) and not found.startswith("#"):
                    raise AssertionError(f"{found!r} was let through")
    return not outside


def random_chart(numbers: random.Random) -> bytes:
    """A chart with packed subcharts, in an archive of which bytes may be changed."""
    schema = random_schema(numbers).decode("utf-8", "replace")
    inner = pack_chart("sub", {"values.schema.json": schema, "templates/a.yaml": fuzz_inputs.WHOLE[0]})
    files = {"demo/Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 1.0.0\n", "demo/charts/sub.tgz": inner}
    text = numbers.choice(("", "a: 1\n", "\x00", "name: [", "{{ lookup }}"))
    data = bytearray(pack({**files, "demo/values.yaml": text.encode()}))
    for _ in range(numbers.randint(0, 2)):
        data[numbers.randrange(len(data))] = numbers.randrange(256)
    return bytes(data)


def attempt_chart(data: bytes) -> bool:
    """Taken, it is packed anew, to what is read as the same."""
    try:
        files = unpack(data, "fuzz")
        chart = charts.read_archive(files, data, "fuzz")
        again = unpack(chart_archive.made_anew(files, "fuzz"), "fuzz")
    except ManifestError as error:
        if not str(error).startswith("fuzz"):
            raise AssertionError(f"an error without its source: {error!r}") from error
        return False
    if [file.path for file in again] != [file.path for file in files]:
        raise AssertionError("packed anew, it has other files")
    return chart is not None


def random_values(numbers: random.Random) -> Any:
    values = {"spec": {"values": {"a": {"b": 1}}, "optionalValues": [{"when": True, "values": {"a": {"c": {}}}}]}}
    return {"kind": "HelmChart", "metadata": {"name": "a"}, **changed(values, numbers)}


def attempt_values(obj: Any) -> bool:
    try:
        helm_chart.merged_values(obj, Place("fuzz"))
    except ManifestError:
        return False
    return True


def random_license(numbers: random.Random) -> bytes:
    document = changed(license_document(), numbers)
    text = json.dumps(document)
    for _ in range(numbers.randint(0, 2)):
        cut = numbers.randrange(len(text))
        text = text[:cut] + numbers.choice(fuzz_inputs.PIECES) + text[cut + numbers.randint(0, 3) :]
    return text.encode("utf-8", "surrogatepass")


def attempt_license(data: bytes) -> bool:
    try:
        load(data, TrustedKeys({}), Policy.WARN)
    except LicenseError as error:
        if "\n" in str(error):
            raise AssertionError(f"an error over several lines: {error!r}") from error
        return False
    return True


def random_spec(numbers: random.Random) -> Mapping[str, Any]:
    found = changed(numbers.choice((GOOD, FETCHED)), numbers)
    return found if isinstance(found, dict) else {}


def attempt_spec(spec: Mapping[str, Any]) -> bool:
    try:
        parse_spec(spec)
    except SpecError:
        return False
    return True


def random_range(numbers: random.Random) -> str:
    pieces = ("1", ".", "x", "*", " ", ",", "||", ">=", "~", "^", "-", "!=", "<", "v", "rc", "+", "\t", "é", "10", "0")
    return "".join(numbers.choice(pieces) for _ in range(numbers.randint(0, 40)))


def attempt_range(text: str) -> bool:
    try:
        semver.Range.parse(text).newest(["1.2.3", "1.2.3-rc.1", text])
    except semver.InvalidRangeError:
        return False
    return True


_LAYER = {"mediaType": oci_manifest.CHART, "digest": "sha256:" + "0" * 64, "size": 7}
_LOGIN = {"auths": {"https://ghcr.io/v1/": {"auth": "YTpi"}, "ghcr.io/a": {"username": "a", "password": "b"}}}


def random_registry_answer(numbers: random.Random) -> tuple[str, bytes]:
    kind, document = numbers.choice(
        (
            ("manifest", {"schemaVersion": 2, "layers": [_LAYER, {"mediaType": "x.tar+gzip"}]}),
            ("tags", {"name": "a", "tags": ["1.0.0", "latest"]}),
            ("login", _LOGIN),
        )
    )
    data = json.dumps(changed(document, numbers)).encode("utf-8", "surrogatepass")
    cut = numbers.randrange(len(data))
    return kind, data[:cut] + numbers.choice((b"", b"[" * 3_000, b"\xff", b"{}")) + data[cut + numbers.randint(0, 2) :]


def attempt_registry_answer(answer: tuple[str, bytes]) -> bool:
    kind, data = answer
    try:
        if kind == "manifest":
            oci_manifest.layer_of(data)
        elif kind == "tags":
            tags.read(data)
        else:
            docker_config.credential_for(data, "ghcr.io", "a/b")
    except ValueError:  # of which all of their errors are
        return False
    return True


_PENDING = {"channelReleases": [{"channelSequence": 1, "versionLabel": "1", "isRequired": True, "releaseNotes": "a"}]}
_INSTALLATION = {"apiVersion": "kots.io/v1beta1", "kind": "Installation", "spec": {"updateCursor": "1"}}


def random_vendor_answer(numbers: random.Random) -> tuple[str, Any]:
    if numbers.random() < 0.5:
        return "installation", changed(_INSTALLATION, numbers)
    data = json.dumps(changed(_PENDING, numbers)).encode("utf-8", "surrogatepass")
    cut = numbers.randrange(len(data))
    return "pending", data[:cut] + numbers.choice((b"", b"[" * 3_000, b"\xff", b"{}", b"1e9")) + data[cut:]


def attempt_vendor_answer(answer: tuple[str, Any]) -> bool:
    kind, data = answer
    try:
        if kind == "pending":
            return bool(pending.read(data, "host"))
        return isinstance(data, dict) and installation.version(data) is not None
    except SourceContentError as error:
        if "\n" in str(error):
            raise AssertionError(f"an error over several lines: {error!r}") from error
        return False


def attempt_lint(data: bytes) -> bool:
    """Whether nothing is found; each form that findings are written in can be read."""
    report = check([SourceFile("fuzz", "a.yaml", data)], "standard input", None, fuzz_inputs.no_engine)
    ElementTree.fromstring(junit.text(report).encode())
    sarif.text(report)
    if len(github.text(report).splitlines()) != len(report.findings):
        raise AssertionError("a finding over several lines")
    return not report.findings


KINDS = (
    Kind("YAML", fuzz_inputs.random_text, lambda data: fuzz_inputs.attempt(data, "a.yaml")),
    Kind("archives", fuzz_inputs.random_archive, lambda data: fuzz_inputs.attempt(data, "a.tgz")),
    Kind("lint", fuzz_inputs.random_text, attempt_lint),
    Kind("JSON", random_json, lambda data: fuzz_inputs.attempt(data, "a.json")),
    Kind("schemas", random_schema, attempt_schema),
    Kind("charts", random_chart, attempt_chart),
    Kind("values", random_values, attempt_values),
    Kind("licenses", random_license, attempt_license),
    Kind("specs", random_spec, attempt_spec),
    Kind("ranges", random_range, attempt_range),
    Kind("answers of registries", random_registry_answer, attempt_registry_answer),
    Kind("answers of vendors", random_vendor_answer, attempt_vendor_answer),
)

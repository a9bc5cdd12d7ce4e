"""Random input for the loaders: pieces of YAML put together, and archives with bytes changed."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.images.finder import find_images
from kotsapp.images.routing import Domains
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.context import TemplateContext
from kotsapp.release.errors import HelmMissingError
from kotsapp.release.filler import Filling
from kotsapp.release.reader import SourceFile, read_release

PIECES = (
    *("apiVersion: v1\n", "kind: ConfigMap\n", "kind: List\n", "metadata: {name: a}\n", "metadata:\n", "items:\n"),
    *("apiVersion: kots.io/v1beta1\n", "kind: Application\n", "kind: HelmChart\n", "spec:\n", "data:\n", "- "),
    *("apiVersion: troubleshoot.sh/v1beta2\n", "  collectors:\n", "  chart: {name: demo, chartVersion: 1.0.0}\n"),
    *("  annotations: {kots.io/when: ", "kots.io/exclude: ", "}", "{", "[", "]", ",", ": ", "? ", "---\n", "...\n"),
    *("  ", "    ", "\n", "\r\n", "\t", "|\n", ">-\n", "&x ", "*x", "<<: ", "!!int ", "!!binary ", "!x ", "'", '"'),
    *("#", "%YAML 1.1\n", "\ufeff", "\x00", "\x85", "é", "😀", "\\", "1e3", "0777", ".inf", "null", "true", "~"),
    *("repl{{ ", "{{repl ", "}}", 'LicenseFieldValue "x"', "Namespace", "ConfigOption", "-}}", "repl{{- ", "`"),
    *('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}', '{"a":', "\\ud83d", "9" * 40, "image: x\n"),
    *("  containers:\n  - image: ", "additionalImages: ", "\U000fa11a0\U000fa11b", "a: &a [*a, *a]\n", "\xff"),
)
WHOLE: tuple[str, ...] = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {kots.io/when: 't'}\ndata:\n  a: |\n    b\n",
    "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: a}\nspec:\n  additionalImages: [a, b]\n",
    "apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: Pod, metadata: {name: p}}\n- *a\n",
    (
        "apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {name: c}\nspec:\n"
        "  chart: {name: demo, chartVersion: 1.0.0}\n  values: {a: 1}\n"
        "  optionalValues: [{when: 'true', recursiveMerge: true, values: {a: {b: 1}}}]\n"
    ),
)
CHART = pack_chart("demo", {"values.yaml": "a: 1\n", "templates/a.yaml": WHOLE[0]})
ARCHIVE = pack({"r/a.yaml": WHOLE[0].encode(), "r/c.yaml": WHOLE[3].encode(), "r/demo.tgz": CHART})


def context(_: object) -> TemplateContext:
    return TemplateContext({"x": "y"}, "ZG9ja2Vy", "pull", "apps", Domains())


def random_text(numbers: random.Random) -> bytes:
    if numbers.random() < 0.5:
        parts = [numbers.choice(PIECES) for _ in range(numbers.randint(1, 30))]
    else:
        text = numbers.choice(WHOLE)
        parts = [text]
        for _ in range(numbers.randint(1, 4)):
            cut = numbers.randrange(len(text))
            parts = ["".join(parts)]
            text = parts[0][:cut] + numbers.choice(PIECES) + parts[0][cut + numbers.randint(0, 3) :]
            parts = [text]
    return "".join(parts).encode("utf-8", "surrogatepass")


def random_archive(numbers: random.Random) -> bytes:
    """An archive with bytes changed in its tar, or in its gzip."""
    inside = numbers.random() < 0.7
    data = bytearray(gzip.decompress(ARCHIVE) if inside else ARCHIVE)
    for _ in range(numbers.randint(1, 6)):
        at = numbers.randrange(len(data))
        if numbers.random() < 0.2:
            del data[at : at + numbers.randint(1, 600)]
        else:
            data[at] = numbers.choice((0, 0x20, 0x2F, 0x30, 0x37, 0x80, 0xFF, numbers.randrange(256)))
        if not data:
            break
    if inside and numbers.random() < 0.5:
        _mend_checksums(data)
    return gzip.compress(bytes(data), 1) if inside else bytes(data)


def _mend_checksums(data: bytearray) -> None:
    """Headers that are whole again, so that what they say is looked at."""
    for start in range(0, len(data) - 511, 512):
        header = data[start : start + 512]
        if header[257:262] == b"ustar":
            header[148:156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(header)


def no_engine() -> Path:
    """Finds no helm."""
    raise HelmMissingError


def attempt(data: bytes, name: str) -> bool:
    """Whether the input was taken; it raises for anything but an answer or a ManifestError.

    What needs the template engine is not taken: thousands of processes would take hours.
    """
    try:
        release = read_release([SourceFile("fuzz", name, data)], context, filling=Filling(find_program=no_engine))
    except HelmMissingError:
        return False
    except ManifestError as error:
        if not (str(error).startswith("fuzz") and "\n" not in str(error)):
            raise AssertionError(f"an error without its source, or over several lines: {error!r}") from error
        return False
    for obj in release.objects:
        find_images(dict(obj))
    return True

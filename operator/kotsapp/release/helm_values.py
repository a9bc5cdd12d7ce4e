"""The values that helm is given, as JSON in a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kotsapp.manifests.limits import MIB
from kotsapp.regexes import regex
from kotsapp.release.errors import HelmError

FILE = "values.json"
# As JSON, in which a character may take six bytes; the largest public values are a tenth of a MiB.
MAX_VALUES_BYTES = 8 * MIB

_UNPRINTABLE = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class ValueTooLargeError(HelmError):
    """The values are more than a chart is given."""


def write_values(folder: Path, values: Mapping[str, Any]) -> None:
    """Into the folder, for nobody else to read. Raises ValueTooLargeError."""
    path = folder / FILE
    path.touch(mode=0o600)
    # helm reads JSON as YAML, which knows no surrogate pairs and allows no control characters.
    text = json.dumps(values, ensure_ascii=False)
    data = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    if len(data) > MAX_VALUES_BYTES:
        problem = f"the chart's values are {len(data) / MIB:.0f} MiB, more than the {MAX_VALUES_BYTES // MIB} MiB"
        raise ValueTooLargeError(f"{problem} that a chart may be given: leave out what isn't needed")
    path.write_bytes(data)

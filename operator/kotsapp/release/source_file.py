"""What a release is read from: files, and what is said of the charts among them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: ``origin`` is how messages name it, ``name`` is its file name or key.

    ``chart`` says how it is installed if it is a packaged chart, None for one that HelmChart documents ask for.
    """

    origin: str
    name: str
    data: bytes = field(repr=False)
    chart: "ChartInstall | None" = None


@dataclass(frozen=True, slots=True)
class ChartInstall:
    """How a chart is installed for which no HelmChart document asks (DESIGN 6.1).

    ``where`` is the field that says so, empty where nobody does and it is installed for having been fetched: then a
    HelmChart that names it counts. ``release_name`` empty is the chart's name, ``namespace`` empty the app's.
    ``values`` count over those of ``values_files``, of which later ones win.
    """

    where: str = ""
    release_name: str = ""
    namespace: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    values_files: tuple[SourceFile, ...] = ()

    @property
    def digest(self) -> str:
        """Of all that changes what becomes of the chart."""
        said = (bool(self.where), self.release_name, self.namespace, json.dumps(self.values, sort_keys=True))
        digest = hashlib.sha256(repr(said).encode())
        for file in self.values_files:
            digest.update(hashlib.sha256(file.data).digest())
        return digest.hexdigest()

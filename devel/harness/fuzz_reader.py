"""Random input for a reader's children: whatever becomes of them, the process that asks goes on."""

from __future__ import annotations

import asyncio
import random
import resource
from collections import Counter

from harness import fuzz_inputs, fuzz_kinds
from kotsapp.fair_queue import Tenant
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.jobs import Inputs
from kotsapp.release.process import Job, Reader, ReaderDiedError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer

MAKERS = (
    ("a.yaml", fuzz_inputs.random_text),
    ("a.json", fuzz_kinds.random_json),
    ("a.tgz", fuzz_inputs.random_archive),
)
# A namespace's own inputs come one after the other.
NAMESPACES = 4
# No engine: thousands of processes would take hours.
HELM = "/nowhere/helm"


async def run(count: int, seed: int) -> str:
    """Give ``count`` inputs to a reader, and say what became of them."""
    reader = Reader("kotsapp.release.jobs")
    await reader.start()
    before = _mebibytes()
    outcomes: Counter[str] = Counter()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(NAMESPACES):
                group.create_task(_some(reader, outcomes, count // NAMESPACES, seed + number))
    finally:
        await reader.close()
    summary = ", ".join(f"{times} {outcome}" for outcome, times in outcomes.most_common())
    return f"{sum(outcomes.values())} inputs in children: {summary}; memory {before} to {_mebibytes()} MiB"


async def _some(reader: Reader, outcomes: Counter[str], count: int, seed: int) -> None:
    numbers = random.Random(seed)
    for _ in range(count):
        name, make = numbers.choice(MAKERS)
        data = make(numbers)
        inputs = Inputs(Renderer(None, "pull", "apps", helm=HELM), (SourceFile("fuzz", name, data),))
        try:
            await reader.run(Job("render", (inputs,), Release), tenant=Tenant(str(seed)), fingerprint="fuzz")
            outcomes["taken"] += 1
        except (ManifestError, HelmError, HelmMissingError):
            outcomes["refused"] += 1
        except ReaderDiedError as error:
            raise AssertionError(f"{error.death}: {data!r}") from error


def _mebibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

"""One run of our prober over the images on standard input; prints one JSON object.

python -m probing.child REGISTRIES_FILE
"""

import asyncio
import json
import resource
import sys
from collections import Counter
from time import perf_counter, process_time

from kotsapp.images.reference import parse
from kotsapp.registry.config import Registries
from kotsapp.verdicts.prober import Prober


async def main() -> None:
    references = [parse(line) for line in sys.stdin.read().split()]
    async with Prober(Registries.load(sys.argv[1])) as prober:

        async def round_() -> tuple[Counter[str], int, float, float]:
            wall, cpu = perf_counter(), process_time()
            results = await asyncio.gather(
                *(prober.probe(reference, timeout=60, max_age=3600) for reference in references)
            )
            took = perf_counter() - wall, process_time() - cpu
            return Counter(str(one.verdict) for one in results), sum(one.requests for one in results), *took

        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        verdicts, requests, seconds, cpu = await round_()
        _, warm_requests, warm_seconds, _ = await round_()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "verdicts": verdicts,
                "requests": requests,
                "seconds": seconds,
                "cpu": cpu,
                "warm_requests": warm_requests,
                "warm_seconds": warm_seconds,
                "peak_mib": peak / 1024,
                "grown_mib": (peak - base) / 1024,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())

"""How fast, with how many requests, images are told private from public: against skopeo and KOTS's procedure.

    python bench/probe.py [--runs 5] [--images 200] [--many 2000] [--round-trip 50]

Real registries with token auth on loopback, behind a relay that adds the round trip. Requests are counted in the
registries' and the token server's own access logs.
"""

import argparse
import asyncio
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATHS = [str(ROOT / name) for name in ("operator", "devel", "bench")]
sys.path[:0] = PATHS
os.environ["PYTHONPATH"] = os.pathsep.join(PATHS)

from kotsapp.registry.limits import DEFAULT_MAX_CONCURRENT  # noqa: E402
from probing import subjects  # noqa: E402
from probing.place import HOSTS, PRIVATE_SHARE, Place, place  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--images", type=int, default=200, help="behind the round trip")
    parser.add_argument("--many", type=int, default=2000, help="without it")
    parser.add_argument("--round-trip", type=float, default=50, metavar="MS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kotsapp-bench-") as folder:
        _far(Path(folder) / "far", args)
        _near(Path(folder) / "near", args)


def _far(folder: Path, args: argparse.Namespace) -> None:
    per_host = args.images // len(HOSTS)
    with place(folder, per_host, args.round_trip) as there:
        total = len(there.images)
        print(
            f"{total} images on {len(HOSTS)} hosts, token auth, {args.round_trip:g} ms round trip, "
            f"medians of {args.runs}"
        )
        runs: dict[str, list[tuple[float, dict[str, int]]]] = {"kotsapp": [], "skopeo": [], "KOTS": []}
        for _ in range(args.runs):
            runs["kotsapp"].append(_counted(there, lambda: _ours(there)))
            runs["skopeo"].append(_counted(there, lambda: asyncio.run(subjects.skopeo(there))))
            runs["KOTS"].append(_counted(there, lambda: asyncio.run(subjects.kots(there))))
    medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in runs.items()}
    at_once = {"kotsapp": f"{DEFAULT_MAX_CONCURRENT} a host", "skopeo": "10 in all", "KOTS": "10 in all"}
    print(f"{'':10}{'seconds':>9}{'(min-max)':>15}{'requests/image':>16}{'manifest GETs':>15}   at once")
    for name, found in runs.items():
        seconds = [one for one, _ in found]
        requests = statistics.median(counts["all"] for _, counts in found) / total
        gets = statistics.median(counts["GET manifest"] for _, counts in found)
        spread = f"({min(seconds):.2f}-{max(seconds):.2f})"
        print(f"{name:10}{medians[name]:>9.2f}{spread:>15}{requests:>16.3f}{gets:>15.0f}   {at_once[name]}")
    rounds = 1 + 2 * math.ceil(per_host / DEFAULT_MAX_CONCURRENT)
    bound = rounds * args.round_trip / 1000
    print(
        f"bound: one 401, then token and HEAD for {per_host} images, {DEFAULT_MAX_CONCURRENT} at once, on connections"
    )
    print(
        f"       that are there: {rounds} round trips = {bound:.2f} s; "
        f"measured / bound = {medians['kotsapp'] / bound:.2f}"
    )
    print(f"KOTS / kotsapp = {medians['KOTS'] / medians['kotsapp']:.1f}", end=", ")
    print(f"skopeo / kotsapp = {medians['skopeo'] / medians['kotsapp']:.1f}")
    print(f"one run, by kind: {runs['kotsapp'][0][1]}")


def _near(folder: Path, args: argparse.Namespace) -> None:
    with place(folder, args.many // len(HOSTS), 0) as here:
        total = len(here.images)
        found = [subjects.ours(here) for _ in range(args.runs)]
    _check(found[0], total)

    def median(key: str) -> float:
        return statistics.median(float(one[key]) for one in found)

    print(f"\n{total} images on loopback, no delay, medians of {args.runs}")
    print(f"CPU per probe {median('cpu') / total * 1000:.2f} ms (client alone), {median('seconds'):.2f} s in all")
    print(f"peak memory {median('peak_mib'):.0f} MiB, of which the probes {median('grown_mib'):.0f} MiB")
    print(f"requests per image {median('requests') / total:.3f}")
    print(f"second pass, warm verdicts: {median('warm_requests'):.0f} requests, {median('warm_seconds') * 1000:.0f} ms")


def _ours(there: Place) -> float:
    result = subjects.ours(there)
    _check(result, len(there.images))
    return float(result["seconds"])


def _check(result: dict[str, Any], total: int) -> None:
    """Fast and wrong is no result."""
    private = total // PRIVATE_SHARE
    expected = {"Public": total - private, "Private": private}
    if result["verdicts"] != expected or result["warm_requests"]:
        raise SystemExit(f"wrong verdicts: {result['verdicts']}, expected {expected}")


def _counted(there: Place, run: Callable[[], float]) -> tuple[float, dict[str, int]]:
    before = there.requests()
    seconds = run()
    after = there.requests()
    return seconds, {kind: after[kind] - before[kind] for kind in after}


if __name__ == "__main__":
    main()

"""Three ways to find out about images: ours, skopeo's, and the steps of KOTS."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from kotsapp.registry import challenge
from probing.place import Place

AT_ONCE = 10


def ours(place: Place) -> dict[str, Any]:
    """A process of its own, for its CPU time and memory; see probing.child."""
    here = Path(__file__).parent.parent
    command = [sys.executable, "-m", "probing.child", str(place.file)]
    done = subprocess.run(command, input="\n".join(place.images), capture_output=True, text=True, check=True, cwd=here)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


async def skopeo(place: Place) -> float:
    """Seconds for ``skopeo inspect --raw`` of every image, AT_ONCE at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(image: str) -> None:
        host, _, name = image.partition("/")
        where = place.endpoints[host].removeprefix("http://")
        async with turns:
            process = await asyncio.create_subprocess_exec(
                *("skopeo", "inspect", "--raw", "--tls-verify=false", "--no-creds", f"docker://{where}/{name}"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            await process.wait()

    started = perf_counter()
    await asyncio.gather(*(one(image) for image in place.images))
    return perf_counter() - started


async def kots(place: Place) -> float:
    """Seconds for what KOTS does, AT_ONCE at a time: for each image a new client with no memory, GET /v2/, an
    anonymous token, GET the manifest; whatever goes wrong means private."""
    turns = asyncio.Semaphore(AT_ONCE)
    accept = {
        "Accept": "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    }

    async def one(image: str) -> bool:
        host, _, name = image.partition("/")
        repository, _, tag = name.rpartition(":")
        endpoint = place.endpoints[host]
        async with turns, aiohttp.ClientSession() as session:
            async with session.get(f"{endpoint}/v2/") as answer:
                (wanted,) = challenge.parse(answer.headers.getall("WWW-Authenticate"))
            query = {"service": wanted.service, "scope": f"repository:{repository}:pull"}
            async with session.get(wanted.realm, params=query) as answer:
                token = (await answer.json())["token"]
            headers = {**accept, "Authorization": f"Bearer {token}"}
            async with session.get(f"{endpoint}/v2/{repository}/manifests/{tag}", headers=headers) as answer:
                await answer.read()
                return answer.status != 200

    started = perf_counter()
    await asyncio.gather(*(one(image) for image in place.images))
    return perf_counter() - started

"""`python -m localworld.node CONFIG`: the node stand-in, until its process is ended."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localworld.node.node import Node

if TYPE_CHECKING:
    from localworld.node.api import Object


async def _main(config: Object) -> None:
    # A node's connections belong to a running loop.
    await Node(config).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text())))

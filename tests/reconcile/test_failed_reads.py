"""Sources whose readers died are given up, and a restart does not begin with them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.apps import config_map
from harness.inprocess import operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet, until
from kotsapp.release.fork_client import Death
from kotsapp.release.process import InProcess, ReaderDiedError


def test_deaths_are_kept_over_a_restart(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    read = InProcess.run
    deadly, runs = True, 0

    async def run(self: InProcess, *arguments: Any, **options: Any) -> Any:
        nonlocal runs
        runs += 1
        if deadly:
            raise ReaderDiedError(Death.MEMORY)
        return await read(self, *arguments, **options)

    monkeypatch.setattr(InProcess, "run", run)

    @in_virtual_time
    async def test() -> None:
        nonlocal deadly
        async with operating(signer) as operator:
            operator.put_app(config_map("settings", a="1"))
            await until(
                lambda: operator.ready() == ("False", "TooExpensive") and operator.status()["failedReads"]["count"] == 2
            )
            kept = operator.status()["failedReads"]
            assert (kept["count"], runs) == (2, 2)
        async with operating(signer, operator.api) as again:
            await quiet(30)
            assert runs == 2, "it was read again"
            assert again.status()["failedReads"] == kept
            deadly = False
            again.put_app(config_map("settings", a="2"))
            await again.until_ready()
            assert "failedReads" not in again.status()

    test()

"""The commands, as tests run them."""

from pathlib import Path

import pytest

from harness.licenses import Signer
from harness.rendering import Render


@pytest.fixture
def render(tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> Render:
    return Render(tmp_path, signer, capsys)

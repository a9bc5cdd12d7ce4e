"""How often credentials that the API server refuses are given to Kopf again."""

import logging
from pathlib import Path

import kopf
import pytest
import yaml

from kotsapp import login
from kotsapp.login import MAX_REFUSALS, SERVED_SECONDS, Login


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(login, "MAX_PAUSE", 0.0)
    config = {
        "clusters": [{"name": "here", "cluster": {"server": "https://api.example.invalid"}}],
        "users": [{"name": "me", "user": {"token": "the-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return Clock()


async def given(credentials: Login) -> kopf.ConnectionInfo | None:
    return await credentials.credentials(logger=logging.getLogger("kopf"), settings=kopf.OperatorSettings())


async def test_the_same_credentials_are_given_again_and_never_look_the_same(clock: Clock) -> None:
    credentials = Login(clock)
    infos = [await given(credentials) for _ in range(MAX_REFUSALS + 1)]
    assert {info.token for info in infos if info} == {"the-token"}
    assert len({info for info in infos if info}) == MAX_REFUSALS + 1


async def test_credentials_that_are_refused_for_ever_end_it(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    credentials = Login(clock)
    for _ in range(MAX_REFUSALS + 1):
        assert await given(credentials)
    assert await given(credentials) is None
    assert "answered 401 10 times in a row" in caplog.text


async def test_credentials_that_served_for_long_begin_anew(clock: Clock) -> None:
    credentials = Login(clock)
    for _ in range(MAX_REFUSALS + 1):
        assert await given(credentials)
    clock.now += SERVED_SECONDS
    assert await given(credentials)

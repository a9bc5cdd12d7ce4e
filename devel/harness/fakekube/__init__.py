"""An in-process fake of the Kubernetes API with server-side apply; ``tests/e2e/test_fake_is_true.py`` holds it true."""

from harness.fakekube.answers import RefusedError, refused
from harness.fakekube.api import FakeApi
from harness.fakekube.connection import FakeConnection, connect
from harness.fakekube.requests import Match, Record

__all__ = ["FakeApi", "FakeConnection", "Match", "Record", "RefusedError", "connect", "refused"]

"""Runs a Lua script as Argo CD runs a health check: the object as a global, and no library but base, table and os."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

# Argo CD embeds Lua 5.1; what newer interpreters would take and it would not is caught where 5.1 is there.
INTERPRETERS = ("lua5.1", "luajit", "lua5.2", "lua5.3", "lua5.4", "lua")

# Argo CD gives a script one second.
TIMEOUT = 10.0

_HARNESS = """
local environment = {
  ipairs = ipairs, pairs = pairs, next = next, type = type, tostring = tostring, tonumber = tonumber,
  table = table, os = {time = os.time, date = os.date}, obj = OBJECT,
}
local script
if setfenv then
  script = assert(loadfile(PATH))
  setfenv(script, environment)
else
  script = assert(loadfile(PATH, "t", environment))
end
local health = script()
assert(type(health) == "table", "the script returned no table")
io.write(health.status, "\\n", health.message or "")
"""


def health(script: Path, obj: dict[str, Any]) -> tuple[str, str]:
    """Status and message by a health script; AssertionError with Lua's own words if the script fails."""
    harness = _HARNESS.replace("OBJECT", literal(obj)).replace("PATH", literal(str(script)))
    done = subprocess.run(
        [interpreter(), "-"], input=harness, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    status, _, message = done.stdout.partition("\n")
    return status, message


def interpreter() -> str:
    found = next((path for name in INTERPRETERS if (path := shutil.which(name))), None)
    assert found, f"no Lua interpreter on PATH ({', '.join(INTERPRETERS)}): install lua5.1"
    return found


def literal(value: Any) -> str:
    """A Lua expression for a value of JSON. A null is nil, as in Argo CD, so that its key is absent."""
    if value is None:
        return "nil"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"'
    if isinstance(value, list):
        return "{" + ", ".join(literal(item) for item in value) + "}"
    return "{" + ", ".join(f"[{literal(key)}] = {literal(item)}" for key, item in value.items()) + "}"

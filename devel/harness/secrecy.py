"""What no log, event, status, workload or metric may ever hold: license ids, credentials and passwords."""

import base64
import json
import re
from collections.abc import Iterable, Iterator

from harness.witness import Witness

PASSWORD = "a-password-of-the-vendors"
_ANOTHER = "4711471147"  # a value of a vendor's Secret that the tests use in several places
_JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")
_BASIC = re.compile(r"\b(?:Basic|Bearer) [A-Za-z0-9+/=._-]{12,}")


def spellings(secret: str) -> set[str]:
    """The secret as it is, and as it looks inside base64 once and twice, whatever stands around it."""
    found, level = {secret}, {secret}
    for _ in range(2):
        level = {piece for text in level for piece in _encoded(text)}
        found |= level
    return found


def _encoded(text: str) -> Iterator[str]:
    for before in range(3):
        data = b"\0" * before + text.encode()
        whole = base64.b64encode(data + b"\0" * (-len(data) % 3)).decode()
        # The first characters hold bits of what stands before, the last ones of what comes after.
        yield whole[(0, 2, 3)[before] : len(data) * 8 // 6]


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Each secret that the text holds, in any spelling, with what stands before it."""
    found = {spelling for secret in secrets for spelling in spellings(secret)}
    return [text[max(0, (at := text.find(one)) - 100) : at + len(one)] for one in found if one in text]


def leaks_of_a_session(license_ids: Iterable[str], logs: str, metrics: str, witness: Witness) -> dict[str, list[str]]:
    """Where something secret was emitted since the session began; empty when nothing was."""
    secrets = {*license_ids, PASSWORD, _ANOTHER}
    emitted = {
        "logs": logs,
        "metrics": metrics,
        "events": "\n".join(witness.lines("events")),
        "workloads": "\n".join(witness.lines("deployments")),
        "KotsApps": "\n".join(_reported_of_apps(witness)),
    }
    found = {where: leaks(text, secrets) for where, text in emitted.items()}
    found["logs"] += [*_JWT.findall(logs), *_BASIC.findall(logs)]
    return {where: what for where, what in found.items() if what}


def _reported_of_apps(witness: Witness) -> Iterator[str]:
    """Metadata and status of each state; the spec is the user's own, and may hold what it wants."""
    for line in witness.lines("kotsapps"):
        try:
            obj = json.loads(line)["object"]
        except ValueError:
            continue  # the half of a line at which a stream was cut
        yield json.dumps([obj.get("metadata"), obj.get("status")])

"""What kubelets, runtimes and schedulers say, made fit for a status.

A status is written whenever it changes, so that a message must be the same while the trouble is: names and addresses
of pods and identities of sandboxes go. It is read by people who may not read Secrets: credentials of URLs go, and what
a program itself printed is never quoted.
"""

import re
from collections.abc import Mapping
from typing import Any

# What fits a status line; a scheduler's explanation on a big cluster is longer.
MAX_CAUSE = 400

# User and password of a URL, and its query: blob downloads are redirected to pre-signed URLs.
_URL = re.compile(r"(https?://)(?:[^\s/@\"']*@)?([^\s?\"']*)(?:\?[^\s\"']*)?")
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
# Of sandboxes and containers, and of the volume with a pod's own token.
_IDENTITY = re.compile(r"\b[0-9a-f]{64}\b")
_TOKEN_VOLUME = re.compile(r"\bkube-api-access-\w{5}\b")
_STARTING = re.compile(
    r"^.*(?:unable to start container process|OCI runtime create failed|container create failed): ", re.MULTILINE
)
_INSIDE = re.compile(r"^(?:error during container init|container_linux\.go:\d+|starting container process caused): ")
_PREEMPTION = re.compile(r"(?<!\s)\s*+preemption: .*")
# All of what a failed probe is quoted for: the rest may be what the program printed.
_PROBED = re.compile(
    r"statuscode: \d{3}|connection refused|connection reset by peer|no route to host|no such host|i/o timeout"
    r"|context deadline exceeded|timed out|responded with \"\w+\"|failed to connect service|\bEOF\b|x509: [\w ]+"
    r"|malformed HTTP \w+|server gave HTTP response to HTTPS client"
)


def clean(text: object) -> str:
    """One line of at most MAX_CAUSE characters, without credentials or queries of URLs."""
    line = one_line(text)
    return line if len(line) <= MAX_CAUSE else line[: MAX_CAUSE - 3] + "..."


def one_line(text: object) -> str:
    return " ".join(_URL.sub(r"\1\2", str(text or "")).split())


def of_any_pod(text: object, pod: Mapping[str, Any]) -> str:
    """The message as it would be for any other pod of the same workload."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    line = _TOKEN_VOLUME.sub("kube-api-access", _IDENTITY.sub("...", _RPC.sub("", one_line(text))))
    name, uid, address = (str(v or "") for v in (metadata.get("name"), metadata.get("uid"), status.get("podIP")))
    for own, placeholder in ((name, "POD"), (uid, "UID"), (address, "POD")):
        line = re.sub(rf"(?<![A-Za-z0-9.-]){re.escape(own)}(?![A-Za-z0-9-]|\.\w)", placeholder, line) if own else line
    return clean(line)


def start_error(text: object, pod: Mapping[str, Any]) -> str:
    """Why a runtime could not start a container, without the layers that hand it on: often its command is missing."""
    line = _STARTING.sub("", _RPC.sub("", one_line(text)), count=1).removesuffix(": unknown")
    return of_any_pod(_INSIDE.sub("", line), pod)


def unschedulable(text: object) -> str:
    """The scheduler's counts of nodes, without the second round of them that says that preemption doesn't help."""
    return clean(_PREEMPTION.sub("", one_line(text)))


def probe_failure(text: object) -> str:
    """What a probe met, as far as the kubelet itself says it; empty when the program's own output is all there is."""
    found = _PROBED.search(str(text or ""))
    return found[0].replace("statuscode:", "HTTP status") if found else ""

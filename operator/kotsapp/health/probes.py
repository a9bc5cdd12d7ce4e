"""Probes as a person would look for them in a manifest."""

from collections.abc import Mapping
from typing import Any

from kotsapp.health.restarts import mapping


def shown(probe: Mapping[str, Any]) -> str:
    """Kind and target of a probe. A command stays out: it may hold what isn't for everybody's eyes."""
    get, tcp, grpc = (mapping(probe.get(kind)) for kind in ("httpGet", "tcpSocket", "grpc"))
    if get:
        scheme = "HTTPS " if get.get("scheme") == "HTTPS" else ""
        return f"{scheme}GET :{get.get('port')}{str(get.get('path') or '/').partition('?')[0]}"
    if tcp or grpc:
        return f"{'TCP' if tcp else 'gRPC'} :{(tcp or grpc).get('port')}"
    return "command"


def pending(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, target) of the probe that a running container has yet to pass; empty strings when there is none.

    ``spec`` and ``status`` are its entries in the pod's. A kubelet says both ``started`` and ``ready``.
    """
    startup, readiness = mapping(spec.get("startupProbe")), mapping(spec.get("readinessProbe"))
    if not isinstance(status.get("started"), bool) or status.get("ready"):
        return "", ""
    if not status["started"] and startup:
        return "Startup", shown(startup)
    return ("Readiness", shown(readiness)) if readiness else ("", "")

"""etcd, kube-apiserver and kube-controller-manager of one world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import yaml

from localworld import kubeconfig
from localworld.pki import Authority, KeyPair, write_service_account_keys
from localworld.ports import LOOPBACK, free_port
from localworld.process import Child

if TYPE_CHECKING:
    from pathlib import Path

    from localworld.api import Api
    from localworld.programs.binaries import Binaries

ADMIN_GROUP = "system:masters"
_SERVICE_RANGE = "10.96.0.0/16"
# AuthenticationConfiguration has an anonymous part from this minor release on.
_ANONYMOUS_CONFIG_MINOR = 32
_NO_INSECURE_PORT_MINOR = 24
# Policies that change what is admitted are a beta in these, and off until somebody asks for them.
_POLICY_BETA_MINORS = (34, 35)
_HEALTH_PATHS = ("/livez", "/readyz", "/healthz")
_ETCD_SECONDS = 30.0
_APISERVER_SECONDS = 120.0
_PROBE_SECONDS = 2.0
# Roll-outs of thousands of pods must not wait for the controllers' own client-side limits (20 a second).
_CONTROLLER_QPS, _CONTROLLER_BURST = "500", "1000"


class Etcd(Child):
    """One etcd member that keeps its data in the world's folder and never waits for the disk."""

    def __init__(self, binaries: Binaries, folder: Path) -> None:
        self.url = f"http://{LOOPBACK}:{free_port()}"
        peer = f"http://{LOOPBACK}:{free_port()}"
        argv = [
            str(binaries.etcd),
            "--name=localworld",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=localworld={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        super().__init__("etcd", argv, log=folder / "logs" / "etcd.log")

    def wait_ready(self) -> None:
        """Wait until it serves."""
        self.wait_until(lambda: _answers(f"{self.url}/health"), seconds=_ETCD_SECONDS)

    def restart(self) -> None:
        """Kill it and start it again on the same port and data."""
        self.kill()
        self.start()
        self.wait_ready()


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What differs between API servers; `extra` flags come last, so they win.

    With an `address` other than loopback, pods can ask the server there, and it asks kubelets as an administrator.
    """

    audit_log: Path | None = None
    address: str = LOOPBACK
    extra: tuple[str, ...] = ()


class ApiServer(Child):
    """kube-apiserver, for this machine alone, with a self-made authority and anonymous access to health alone."""

    def __init__(self, binaries: Binaries, folder: Path, etcd_url: str, options: ServerOptions) -> None:
        self.port = free_port()
        self.url = f"https://{options.address}:{self.port}"
        self.authority = Authority(folder / "pki")
        self.service_account_keys = write_service_account_keys(folder / "pki")
        serving = self.authority.server("apiserver", options.address)
        argv = [
            str(binaries.kube_apiserver),
            f"--etcd-servers={etcd_url}",
            f"--bind-address={options.address}",
            f"--advertise-address={options.address}",
            *self._reach_flags(options.address),
            f"--secure-port={self.port}",
            f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}",
            f"--cert-dir={folder / 'pki'}",
            f"--client-ca-file={self.authority.pair.cert}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self.service_account_keys.cert}",
            f"--service-account-signing-key-file={self.service_account_keys.key}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={_SERVICE_RANGE}",
            "--allow-privileged=true",
            *_anonymous_flags(binaries, folder),
            *_policy_flags(binaries),
            *_emulation_flags(binaries),
            *_audit_flags(folder, options.audit_log),
            *options.extra,
        ]
        super().__init__("kube-apiserver", argv, log=folder / "logs" / "kube-apiserver.log")

    def _reach_flags(self, address: str) -> list[str]:
        """How pods reach it, and it them."""
        if address == LOOPBACK:
            # Which an Endpoints object may not hold.
            return ["--endpoint-reconciler-type=none"]
        pair = admin_pair(self)
        return [
            f"--kubelet-client-certificate={pair.cert}",
            f"--kubelet-client-key={pair.key}",
            # Nobody but the node itself knows its name.
            "--kubelet-preferred-address-types=InternalIP",
        ]

    def wait_ready(self, api: Api) -> None:
        """Wait until every post-start hook is done: roles exist, admission works."""
        self.wait_until(api.ready, seconds=_APISERVER_SECONDS)

    def restart(self, api: Api) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()
        self.wait_ready(api)


class ControllerManager(Child):
    """kube-controller-manager with every default controller, each under its own ServiceAccount."""

    def __init__(self, binaries: Binaries, folder: Path, server: ApiServer) -> None:
        authority = server.authority
        config = kubeconfig.write_for_certificate(
            folder / "controller-manager.kubeconfig",
            server=server.url,
            ca=authority.pair.cert,
            pair=authority.client("system:kube-controller-manager"),
        )
        serving = authority.server("controller-manager")
        argv = [
            str(binaries.kube_controller_manager),
            f"--kubeconfig={config}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={free_port()}",
            f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={server.service_account_keys.key}",
            f"--root-ca-file={authority.pair.cert}",
            f"--cluster-signing-cert-file={authority.pair.cert}",
            f"--cluster-signing-key-file={authority.pair.key}",
            "--leader-elect=false",
            # The node stand-in renews no lease; a paused world must not evict its pods.
            "--node-monitor-grace-period=24h",
            f"--kube-api-qps={_CONTROLLER_QPS}",
            f"--kube-api-burst={_CONTROLLER_BURST}",
            # Releases that still have it serve plain HTTP to everybody on a fixed port.
            *(["--port=0"] if binaries.minor < _NO_INSECURE_PORT_MINOR else []),
            *_emulation_flags(binaries),
        ]
        super().__init__("kube-controller-manager", argv, log=folder / "logs" / "kube-controller-manager.log")


def admin_pair(server: ApiServer) -> KeyPair:
    """A client certificate that may do everything."""
    return server.authority.client("localworld-admin", (ADMIN_GROUP,))


def _anonymous_flags(binaries: Binaries, folder: Path) -> list[str]:
    if binaries.minor < _ANONYMOUS_CONFIG_MINOR:
        # RBAC gives anonymous users health and version alone there, too.
        return ["--anonymous-auth=true"]
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1beta1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in _HEALTH_PATHS]},
    }
    path = folder / "authentication.yaml"
    path.write_text(yaml.safe_dump(config))
    return [f"--authentication-config={path}"]


def _emulation_flags(binaries: Binaries) -> list[str]:
    return [f"--emulated-version={binaries.emulates}"] if binaries.emulates else []


def _policy_flags(binaries: Binaries) -> list[str]:
    """As docs/pods.md tells an administrator. Who only emulates such a release has no code for the beta any more."""
    if binaries.minor not in _POLICY_BETA_MINORS or binaries.emulates:
        return []
    return [
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
    ]


def _audit_flags(folder: Path, log: Path | None) -> list[str]:
    if log is None:
        return []
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        # One line a request, when it is answered.
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{"level": "Metadata"}],
    }
    path = folder / "audit-policy.yaml"
    path.write_text(yaml.safe_dump(policy))
    # Blocking: what a test reads after its request is complete. The size (MiB) is beyond any test's log.
    return [
        f"--audit-policy-file={path}",
        f"--audit-log-path={log}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=4000",
    ]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_PROBE_SECONDS, trust_env=False).is_success
    except httpx.TransportError:
        return False

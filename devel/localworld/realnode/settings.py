"""The configuration of the node's programs, as files in the node's folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

# The node's programs have fixed places below these; what they write there is the mount namespace's and goes with it.
COVERED = ("/etc", "/var/lib", "/var/log")
RUN = "/run"
CLUSTER_DOMAIN = "cluster.local"
# The kubelet's longest path of a socket below a world's folder, and what Linux takes of one.
_SOCKET = "node/kubelet/pod-resources/4294967295"
_SOCKET_BYTES = 107
# Where nothing listens: what registries.yaml does not name is asked nowhere.
_NOWHERE = "http://127.0.0.1:1"


def why_not(folder: Path) -> str:
    """Why a world with a real node can't live in a folder; empty if it can."""
    for covered in (*COVERED, RUN):
        if folder.is_relative_to(covered):
            return f"a world with a real node can't live below {covered}, as {folder} does"
    too_long = len(bytes(folder / _SOCKET)) - _SOCKET_BYTES
    if too_long > 0:
        return (
            f"a world with a real node can't live in {folder}: paths of its sockets are too long, by {too_long} bytes"
        )
    return ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the processes inside the node's namespaces are told; paths are this machine's.

    `network` is the namespace as a file. `address` and `pods` are the node's address and the range of its pods'.
    """

    name: str
    folder: str
    group: str
    network: str
    address: str
    pods: str
    debian: str
    libraries: str
    kubernetes: str
    server: str
    ca: str
    kubelet_cert: str
    kubelet_key: str
    proxy_cert: str
    proxy_key: str
    pause: str

    @classmethod
    def read(cls, file: str) -> Settings:
        """From the file that `write` wrote."""
        return cls(**json.loads(Path(file).read_text()))

    def write(self) -> Path:
        """Into the node's folder."""
        file = self.at("settings.json")
        file.write_text(json.dumps(asdict(self), indent=1))
        return file

    def at(self, *parts: str) -> Path:
        """A path in the node's folder."""
        return Path(self.folder, *parts)


def write_all(settings: Settings) -> None:
    """Write every file; certs.d is written by `write_registries`."""
    for folder in ("cni", "dns", "logs"):
        settings.at(folder).mkdir(parents=True, exist_ok=True)
    settings.at("containerd.toml").write_text(_containerd(settings))
    settings.at("cni", "10-pods.conflist").write_text(json.dumps(_cni(settings), indent=1))
    settings.at("kubelet.yaml").write_text(yaml.safe_dump(_kubelet(settings)))
    settings.at("kube-proxy.yaml").write_text(yaml.safe_dump(_kube_proxy(settings)))


def write_registries(folder: Path, endpoints: dict[str, str]) -> None:
    """Where containerd asks for each host of the world, and nowhere for any other; it looks at each pull."""
    fresh = folder.with_name(f".{folder.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    for host, endpoint in {**endpoints, "_default": _NOWHERE}.items():
        (fresh / host).mkdir(parents=True)
        (fresh / host / "hosts.toml").write_text(
            f'server = "{endpoint}"\n[host."{endpoint}"]\ncapabilities = ["pull", "resolve"]\n'
        )
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _containerd(settings: Settings) -> str:
    # Scores are only ever raised: lowering needs CAP_SYS_RESOURCE, which root in a VM may lack.
    return f"""version = 2
root = "{settings.at("containerd")}"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{settings.pause}"
restrict_oom_score_adj = true
disable_apparmor = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{settings.debian}/usr/lib/cni"
conf_dir = "{settings.at("cni")}"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{settings.at("certs.d")}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{settings.debian}/usr/sbin/runc"
"""


def _cni(settings: Settings) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": settings.pods}]], "dataDir": "/run/cni"},
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}


def _kubelet(settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": settings.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": settings.ca},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [settings.address],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "enforceNodeAllocatable": [],
        # Its machine is somebody's whole machine: it must not clean up for its own sake.
        "evictionHard": {"memory.available": "1%", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzPort": 0,
        "imageGCHighThresholdPercent": 100,
        "maxPods": 250,
        "podLogsDir": str(settings.at("pod-logs")),
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "resolvConf": "",
        "serializeImagePulls": False,
        "volumePluginDir": str(settings.at("volume-plugins")),
    }


def _kube_proxy(settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(settings.at("kube-proxy.kubeconfig"))},
        "clusterCIDR": settings.pods,
        "hostnameOverride": settings.name,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # The table's size is the whole machine's.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }

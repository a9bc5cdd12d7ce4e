"""The small decisions of a real node, which need none."""

from pathlib import Path
from typing import Any

import pytest

from localworld.realnode import cgroups, dns, settings

SELF = """\
4:memory:/some/box
1:cpu,cpuacct:/
0::/
"""
MOUNTS = """\
30 20 0:26 / {root}/memory rw - cgroup cgroup rw,memory
31 20 0:27 / {root}/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 20 0:28 / {root}/net_cls rw - cgroup cgroup rw,net_cls
33 20 0:29 / {root}/unified rw - cgroup2 cgroup2 rw
"""


def _process(folder: Path, groups: str, mounts: str) -> Path:
    for name in ("memory/some/box", "cpu", "unified", "net_cls"):
        (folder / name).mkdir(parents=True)
    process = folder / "self"
    process.mkdir()
    (process / "cgroup").write_text(groups)
    (process / "mountinfo").write_text(mounts.format(root=folder))
    return process


def test_a_group_is_made_below_this_process_own_in_each_hierarchy_that_it_is_in(tmp_path: Path) -> None:
    found = cgroups.hierarchies(_process(tmp_path, SELF, MOUNTS))

    assert [(hierarchy.options, hierarchy.own) for hierarchy in found] == [
        ("memory", tmp_path / "memory/some/box"),
        ("cpu,cpuacct", tmp_path / "cpu"),
        ("", tmp_path / "unified"),
    ]


def test_version_2_alone_is_none_that_a_node_can_use(tmp_path: Path) -> None:
    assert cgroups.hierarchies(_process(tmp_path, "0::/\n", MOUNTS.splitlines()[-1])) == []


@pytest.mark.parametrize(
    ("spec", "records"),
    [
        ({"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"]}, [("10.96.0.7", "web.shop.svc.cluster.local")]),
        ({"clusterIP": "None", "clusterIPs": ["None"]}, []),
        ({"type": "ExternalName", "externalName": "a.invalid"}, []),
    ],
)
def test_a_service_is_known_by_its_address(spec: dict[str, Any], records: list[tuple[str, str]]) -> None:
    assert dns.service_records({"metadata": {"namespace": "shop", "name": "web"}, "spec": spec}) == records


def test_a_headless_service_is_known_by_its_ready_pods() -> None:
    labels = {"kubernetes.io/service-name": "db", "service.kubernetes.io/headless": ""}
    endpoints = [
        {"addresses": ["10.0.0.1"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
    ]

    found = dns.slice_records({"metadata": {"namespace": "shop", "labels": labels}, "endpoints": endpoints})

    assert found == [("10.0.0.1", "db.shop.svc.cluster.local"), ("10.0.0.1", "db-0.db.shop.svc.cluster.local")]


def test_every_host_has_its_endpoint_and_all_others_have_none(tmp_path: Path) -> None:
    folder = tmp_path / "certs.d"
    settings.write_registries(folder, {"quay.io": "http://198.18.1.1:1234", "gone.invalid": "http://198.18.1.1:1"})
    settings.write_registries(folder, {"quay.io": "http://198.18.1.1:1234"})

    assert sorted(path.name for path in folder.iterdir()) == ["_default", "quay.io"]
    assert 'server = "http://198.18.1.1:1234"' in (folder / "quay.io" / "hosts.toml").read_text()
    assert 'server = "http://127.0.0.1:1"' in (folder / "_default" / "hosts.toml").read_text()


@pytest.mark.parametrize("folder", ["/tmp/localworld-1", "/" + 68 * "x"])
def test_a_world_with_a_real_node_may_live_here(folder: str) -> None:
    assert settings.why_not(Path(folder)) == ""


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("/etc/world", "can't live below /etc"),
        ("/var/lib/x/world", "can't live below /var/lib"),
        ("/run", "can't live below /run"),
        ("/" + 69 * "x", "too long, by 1 bytes"),
        ("/" + 79 * "x", "too long, by 11 bytes"),
    ],
)
def test_where_it_can_not_is_said_before_anything_starts(folder: str, reason: str) -> None:
    assert reason in settings.why_not(Path(folder))

"""``kubectl kotsapp report``: what is masked in what the page tells."""

import pytest

from kotsapp.cli.plugin.private import Private, of_app

# -- what is masked

MINE = Private(frozenset({"quay.io", "redis:17", "images.vendor.example"}), ("worker-3", "10.0.0.9"), ("s3cr3t-host",))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dial tcp 10.0.0.1:443: connect: refused", "dial tcp [address]: connect: refused"),
        ("dial tcp [fd00::1]:443: refused", "dial tcp [address]: refused"),
        ("lookup db.corp.example on 10.0.0.53:53: no such host", "lookup [host] on [address]: no such host"),
        ("Get https://user:pw@git.corp:8443/x?y=z: EOF", "Get https://[host]/x?y=z: EOF"),
        ("http://localhost:3128 is no proxy", "http://[host] is no proxy"),
        ("x509: valid for *.corp.example, not quay.io", "x509: valid for [host], not quay.io"),
        ("lookup proxy on 10.0.0.53:53: no such host", "lookup [host] on [address]: no such host"),
        ("told jane.doe@corp.example", "told [address]"),
        ("quay.io/a/b@sha256:" + "ab12" * 16, "quay.io/a/b@sha256:" + "ab12" * 16),
        ("a name, e.g. shop", "a name, e.g. shop"),
        ("vault:8200 is sealed", "[host] is sealed"),
        ('node "gke-pool-1-abc" is gone', 'node "[node]" is gone'),
        ("on worker-3: too few CPUs", "on [node]: too few CPUs"),
        ("0/3 nodes are available: 3 Insufficient cpu", "0/3 nodes are available: 3 Insufficient cpu"),
        ("host s3cr3t-host is not there", "host [value] is not there"),
        ("quay.io answers 401, auth.docker.io 403", "quay.io answers 401, auth.docker.io 403"),
        ("images.vendor.example/proxy/x/redis:17: 404", "images.vendor.example/proxy/x/redis:17: 404"),
        ("redis:17 and redis:7.4-alpine", "redis:17 and redis:7.4-alpine"),
        ("spec.probe.onUndecided, app.yaml, line 3", "spec.probe.onUndecided, app.yaml, line 3"),
        ("v1.2.3 to 1.2.4 at 10:20:30", "v1.2.3 to 1.2.4 at 10:20:30"),
        ("Deployment/web: 1 of 2 ready", "Deployment/web: 1 of 2 ready"),
        ("until 2027-01-01T00:00:00Z", "until 2027-01-01T00:00:00Z"),
        ("key 2eFdA9sLq0WnTYxkQmZr1HcVb7P is wrong", "key [masked] is wrong"),
        ("digest sha256:" + "ab12" * 16, "digest sha256:" + "ab12" * 16),
    ],
)
def test_hosts_addresses_nodes_and_credentials_are_masked_in_messages(text: str, shown: str) -> None:
    assert MINE.message(text) == shown


def test_images_and_values_of_the_app_decide_what_is_masked() -> None:
    app = {
        "spec": {"config": {"values": {"a": "internal-name", "b": "on", "c": ["x-y-z-1"], "d": 12345}}},
        "status": {
            "images": [
                {"image": "reg.vendor.example/a/b:v1", "pull": "proxy.vendor.example/proxy/s/reg.vendor.example/a/b:v1"}
            ],
            "inventory": [{"apiVersion": "db.vendor.example/v1", "kind": "Db", "name": "main"}],
        },
    }
    mine = of_app(app, [{"spec": {"nodeName": "n1.dc.example"}, "status": {"hostIP": "10.0.0.7"}}])
    reported = (
        "reg.vendor.example, proxy.vendor.example, db.vendor.example: internal-name x-y-z-1 12345 on n1.dc.example"
    )
    assert mine.message(reported) == (
        "reg.vendor.example, proxy.vendor.example, db.vendor.example: [value] [value] [value] on [node]"
    )

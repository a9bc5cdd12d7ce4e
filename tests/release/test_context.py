"""What template calls are told of the cluster."""

import pytest

from kotsapp.release.context import distribution_of


@pytest.mark.parametrize(
    ("version", "distribution"),
    [
        ("v1.37.2", ""),
        ("", ""),
        ("v1.33.1+k3s1", "k3s"),
        ("v1.33.1+rke2r1", "rke2"),
        ("v1.33.1+k0s", "k0s"),
        ("v1.33.1-gke.1386000", "gke"),
        ("v1.33.1-eks-4a22e29", "eks"),
    ],
)
def test_the_distribution_is_told_by_the_server_version(version: str, distribution: str) -> None:
    assert distribution_of(version) == distribution

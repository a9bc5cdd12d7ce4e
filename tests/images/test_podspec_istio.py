"""Images that an admission webhook fills in."""

import pytest

from kotsapp.images.finder import find_images


def gateway(**metadata: object) -> dict[str, object]:
    template = {"metadata": metadata, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gw"}, "spec": {"template": template}}


@pytest.mark.parametrize(
    "metadata",
    [{"annotations": {"inject.istio.io/templates": "gateway"}}, {"labels": {"sidecar.istio.io/inject": "true"}}],
)
def test_what_istio_fills_in_is_no_image(metadata: dict[str, object]) -> None:
    assert find_images(gateway(**metadata)) == []


@pytest.mark.parametrize("metadata", [{}, {"labels": {"sidecar.istio.io/inject": "false"}}])
def test_elsewhere_auto_is_an_image_like_any(metadata: dict[str, object]) -> None:
    assert [use.image for use in find_images(gateway(**metadata))] == ["auto"]

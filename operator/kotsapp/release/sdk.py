"""What a chart with the Replicated SDK is given, as the vendor's release server does it (DESIGN 6.4)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kotsapp.manifests.limits import MAX_DEPTH
from kotsapp.release.charts import ChartRequest

if TYPE_CHECKING:
    from kotsapp.license import License

# Shorter ones are words like "true", without which there is no message.
MIN_SECRET = 8


def with_license(request: ChartRequest, license: "License", docker_config: str, instance: str) -> ChartRequest:
    """The request with the values that the SDK needs; as it is where the chart has no SDK. What it sets itself wins.

    ``docker_config`` is the pull secret's content in base64, ``instance`` an id of the app in its cluster, empty
    where there is none. What is of the license is in none of the chart's messages.
    """
    at = request.archive.sdk_at
    if at is None:
        return request
    own: dict[str, Any] = {"license": license.document, "isAirgap": False}
    if instance:
        own |= {"appID": instance, "replicatedID": instance}
    shared = {"global": {"replicated": _shared(license, docker_config)}}
    given = {**own, **shared} if at == "" else {at: own, **shared}
    return replace(
        request,
        values=_merged(given, request.values, 0),
        secrets=tuple(dict.fromkeys((*request.secrets, *_texts(given)))),
    )


def _shared(license: "License", docker_config: str) -> dict[str, Any]:
    fields = {
        name: {
            "name": name,
            "title": one.title,
            "description": one.description,
            "valueType": one.value_type,
            "value": one.value,
            "signature": dict(one.signature),
        }
        for name, one in license.entitlements.items()
    }
    return {
        "channelName": license.channel_name,
        "customerName": license.customer_name,
        "customerEmail": license.customer_email,
        "dockerconfigjson": docker_config,
        "licenseFields": fields,
        "licenseID": license.license_id,
        "licenseType": license.license_type,
    }


def _merged(below: Mapping[str, Any], above: Mapping[str, Any], depth: int) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and depth < MAX_DEPTH:
            merged[key] = _merged(old, value, depth + 1)
        else:
            merged[key] = value
    return merged


def _texts(value: Any) -> Iterator[str]:
    """Every text of the license, a document's lines one by one: helm may quote any of them."""
    if isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, str):
        yield from (text for text in (value, *map(str.strip, value.splitlines())) if len(text) >= MIN_SECRET)

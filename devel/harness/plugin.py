"""kubectl kotsapp run on a fake cluster, and KotsApps for it to show."""

from typing import Any

from harness.cluster import NAMESPACE, obj
from harness.fakekube import FakeApi, connect
from harness.inprocess import PRIVATE
from kotsapp.cli.plugin.arguments import parse
from kotsapp.cli.plugin.target import Target
from kotsapp.names import API_VERSION, KIND


async def run(api: FakeApi, *words: str) -> int:
    args = parse(words)
    code: int = await args.action(args, Target(connect(api), args, NAMESPACE))
    return code


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, Any]:
    fields = {"type": type_, "status": status, "reason": reason, "message": message}
    return {**fields, "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}


IMAGES = [
    {
        "image": "quay.io/my-org/typo:v1",
        "verdict": "Private",
        "route": "Proxy",
        "verified": "False",
        "message": "refused",
    },
    {"image": "quay.io/my-org/lost:v1", "verdict": "NotFound", "message": "quay.io knows no such image"},
    {"image": "quay.io/my-org/far:v1", "verdict": "Unreachable", "message": "no answer within 10s"},
    {
        "image": PRIVATE,
        "verdict": "Private",
        "route": "Proxy",
        "pull": "proxy.example.com/proxy/shop/api:v1",
        "verified": "True",
        "httpStatus": 401,
        "code": "UNAUTHORIZED",
        "message": "quay.io refused an anonymous pull",
        "usedBy": ["Deployment/shop"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    },
]


def put_app(api: FakeApi, name: str = "shop", namespace: str = NAMESPACE, **status: Any) -> None:
    spec = {"license": {"secretRef": {"name": "l"}}, "manifests": [{"configMapRef": {"name": "m"}}]}
    api.put(obj(KIND, name, API_VERSION, namespace, spec=spec))
    api.change(KIND, name, {"status": {"observedGeneration": 1, **status}}, namespace)

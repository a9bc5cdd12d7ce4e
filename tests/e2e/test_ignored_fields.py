"""What kubectl takes and server-side apply refuses, and fields that somebody else fills in."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from harness.apps import PUBLIC, Object, Tenant, config_map, deployment
from harness.audit import position, writes
from harness.deployer import make_deployer
from harness.objects import obj, service, widgets
from harness.waiting import stays, until
from kotsapp.apply.list_entries import ENTRY_KEYS
from localworld.world import World

# -- entries given twice


def test_entries_that_are_given_twice_are_taken_as_kubectl_takes_them(tenant: Tenant) -> None:
    shop = deployment(
        "shop",
        PUBLIC,
        imagePullSecrets=[{"name": "pulls"}, {"name": "pulls"}],
        hostAliases=[{"ip": "192.0.2.1", "hostnames": ["a.example"]}, {"ip": "192.0.2.1", "hostnames": ["b.example"]}],
    )
    ports = [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP", "name": "web"}]
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    shop["spec"]["template"]["spec"]["containers"][0] |= {"ports": ports, "env": env}
    held = config_map("held", a="1")
    held["metadata"]["finalizers"] = ["example.invalid/held", "example.invalid/held"]
    account = obj("v1", "ServiceAccount", "shop", secrets=[{"name": "x"}, {"name": "x"}])

    tenant.put_app("app", [shop, held, account])

    tenant.wait_ready("app")
    pod = tenant.get("deployments", "shop")["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "pulls"}]
    assert pod["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["a.example", "b.example"]}]
    assert pod["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "web"}]
    assert pod["containers"][0]["env"] == [{"name": "A", "value": "2"}]
    assert tenant.get("configmaps", "held")["metadata"]["finalizers"] == ["example.invalid/held"]
    assert tenant.get("serviceaccounts", "shop")["secrets"] == [{"name": "x"}]
    tenant.world.api.merge(tenant.path("configmaps", "held"), {"metadata": {"finalizers": None}})


def test_every_list_of_entries_with_keys_is_known(world: World) -> None:
    """By the API server's own schemas: a list that is missed would be refused when an entry is given twice."""
    missing = {}
    for path in world.api.get("/openapi/v3")["paths"]:
        parts = path.split("/")
        if parts[0] not in ("api", "apis") or not parts[-1].startswith("v") or "kotsapp" in path or "example" in path:
            continue
        schemas = world.api.get(f"/openapi/v3/{path}")["components"]["schemas"]
        for schema in schemas.values():
            for gvk in schema.get("x-kubernetes-group-version-kind", ()):
                if gvk["version"] == parts[-1] and "metadata" in schema.get("properties", {}):
                    found = dict(_lists(schema, schemas, ()))
                    known = ENTRY_KEYS.get((gvk["group"], gvk["kind"]), {}) | ENTRY_KEYS[("", "")]
                    unknown = {place: keys for place, keys in found.items() if known.get(place) != keys}
                    if unknown and not gvk["kind"].endswith(("List", "ComponentStatus")):
                        missing[gvk["group"], gvk["kind"]] = unknown
    assert missing == {}


def _lists(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every list whose entries are told apart, by where it is, and its keys; none are those of a set."""
    for part in (schema, *schema.get("allOf", ())):
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            if not name.endswith("JSONSchemaProps"):
                yield from _lists(schemas[name], schemas, place)
    for field, child in schema.get("properties", {}).items():
        if field != "status" and len(place) < 16:
            yield from _lists(child, schemas, (*place, field))
    if schema.get("type") == "array":
        kind = schema.get("x-kubernetes-list-type")
        if kind in ("map", "set") and "ownerReferences" not in place and "managedFields" not in place:
            yield place, tuple(schema.get("x-kubernetes-list-map-keys", ()))
        yield from _lists(schema["items"], schemas, place)


# -- what the API server alone writes


def schema(**properties: Object) -> Object:
    kept = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"openAPIV3Schema": {"type": "object", "properties": {"spec": kept, **properties}}}


@pytest.mark.parametrize(
    ("subresources", "status"),
    [
        pytest.param({}, {}, id="not-in-the-schema"),
        pytest.param(
            {"status": {}},
            {"status": {"type": "object", "required": ["phase"], "properties": {"phase": {"type": "string"}}}},
            id="with-required-fields",
        ),
    ],
)
def test_a_status_in_a_manifest_is_left_out(tenant: Tenant, subresources: Object, status: Object) -> None:
    group = f"{tenant.namespace}.example.invalid"
    definition = widgets(group)
    definition["spec"]["versions"][0] |= {"schema": schema(**status), "subresources": subresources}
    definition["status"] = {"acceptedNames": {"kind": "", "plural": ""}, "conditions": [], "storedVersions": []}
    definition["metadata"]["creationTimestamp"] = None
    objects = [
        definition,
        obj(f"{group}/v1", "Widget", "empty", spec={}, status={}),
        obj(f"{group}/v1", "Widget", "exported", spec={}, status={"phase": "Done", "conditions": None}),
        {**deployment("shop", PUBLIC), "status": {"readyReplicas": 7}},
        {**service("shop"), "status": {"loadBalancer": {}}},
    ]

    tenant.put_app("app", objects, serviceAccountName=make_deployer(tenant))

    tenant.wait_ready("app")
    assert "status" not in tenant.world.api.get(f"/apis/{group}/v1/namespaces/{tenant.namespace}/widgets/exported")


# -- fields that somebody else fills in


def replicas(tenant: Tenant) -> int:
    return int(tenant.get("deployments", "shop")["spec"]["replicas"])


def scaled(tenant: Tenant, count: int) -> None:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"replicas": count}}
    tenant.world.api.apply(tenant.path("deployments", "shop"), body, manager="autoscaler")


IGNORED = [{"group": "apps", "kind": "Deployment", "name": "shop", "path": "spec.replicas"}]


def test_a_field_that_is_ignored_is_somebody_elses(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("shop", PUBLIC)], ignoreFields=IGNORED)
    tenant.wait_ready("app")
    since = position(tenant.world)

    for count in (2, 3):
        scaled(tenant, count)
        stays(lambda count=count: replicas(tenant) == count, "the scale stays", 1)

    assert not [write for write in writes(tenant.world, tenant.namespace, since) if "deployments shop kotsapp" in write]
    tenant.put_app("app", [deployment("shop", PUBLIC, replicas=7)], ignoreFields=IGNORED)
    tenant.wait_ready("app")
    assert replicas(tenant) == 3


def test_a_field_that_becomes_ignored_keeps_what_it_has(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("shop", PUBLIC, replicas=3)])
    tenant.wait_ready("app")
    generation = tenant.get("deployments", "shop")["metadata"]["generation"]

    tenant.put_app("app", [deployment("shop", PUBLIC, replicas=3)], ignoreFields=IGNORED)

    tenant.wait_ready("app")
    assert replicas(tenant) == 3
    assert tenant.get("deployments", "shop")["metadata"]["generation"] == generation


def test_a_fight_ends_when_the_field_is_ignored_and_the_message_says_so(tenant: Tenant) -> None:
    tenant.put_app("app", [deployment("shop", PUBLIC)])
    tenant.wait_ready("app")
    counts = iter(range(2, 1000))

    def fought_over() -> bool:
        scaled(tenant, next(counts))
        return bool(tenant.condition("app").get("reason") == "FieldContested")

    until(fought_over, "the field is contested", 60)
    assert "spec.ignoreFields" in tenant.condition("app")["message"]

    tenant.put_app("app", [deployment("shop", PUBLIC)], ignoreFields=IGNORED)

    tenant.wait_ready("app")


def test_one_variable_and_one_label_can_be_ignored(tenant: Tenant) -> None:
    shop = deployment("shop", PUBLIC)
    shop["metadata"]["annotations"] = {"example.invalid/checked": "never", "ours": "1"}
    shop["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    ignored = [
        {"group": "apps", "kind": "Deployment", "path": "metadata.annotations['example.invalid/checked']"},
        {"group": "apps", "kind": "Deployment", "path": "spec.template.spec.containers[*].resources"},
    ]
    tenant.put_app("app", [shop], ignoreFields=ignored)
    tenant.wait_ready("app")
    live = tenant.get("deployments", "shop")
    assert live["metadata"]["annotations"].get("ours") == "1"
    assert "example.invalid/checked" not in live["metadata"]["annotations"]
    assert not live["spec"]["template"]["spec"]["containers"][0].get("resources")

    tenant.kubectl("set", "resources", "deployment/shop", "--limits=cpu=2")

    def limits() -> Any:
        return tenant.get("deployments", "shop")["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]

    stays(lambda: limits() == {"cpu": "2"}, "the limit stays", 1)


@pytest.mark.parametrize("written", ["", "Cg==", None], ids=["empty", "newline", "null"])
def test_an_empty_ca_bundle_is_whoever_fills_it_in(tenant: Tenant, written: str | None) -> None:
    name = f"{tenant.namespace}.example.invalid"
    config = {"url": "https://hook.example.invalid/", "caBundle": written}
    hook: Object = {
        "name": name,
        "clientConfig": config,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "rules": [{"apiGroups": [name], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["none"]}],
    }
    version = "admissionregistration.k8s.io/v1"
    kinds = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    definition = widgets(name)
    conversion = {"clientConfig": dict(config), "conversionReviewVersions": ["v1"]}
    definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": conversion}
    objects = [definition, *(obj(version, kind, name, webhooks=[dict(hook)]) for kind in kinds)]
    account = make_deployer(tenant)
    tenant.put_app("app", objects, serviceAccountName=account)
    tenant.wait_ready("app")
    bundle = base64.b64encode(CERTIFICATE.encode()).decode()
    hooks = [f"/apis/{version}/{kind.lower()}s/{name}" for kind in kinds]
    crd = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{name}"
    for path in hooks:
        change = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
        tenant.world.kubectl("patch", path.split("/")[4], name, "--type=json", "-p", str(change).replace("'", '"'))
    tenant.world.api.merge(crd, {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle}}}}})
    api = tenant.world.api

    def bundles() -> list[str]:
        found = [api.get(path)["webhooks"][0]["clientConfig"].get("caBundle") for path in hooks]
        return [*found, api.get(crd)["spec"]["conversion"]["webhook"]["clientConfig"].get("caBundle")]

    stays(lambda: bundles() == [bundle] * 3, "it stays", 1.5)
    again = [{**one, "metadata": {**one["metadata"], "annotations": {"release": "2"}}} for one in objects]
    tenant.put_app("app", again, serviceAccountName=account)
    tenant.wait_ready("app")
    assert bundles() == [bundle] * 3


CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBijCCAS+gAwIBAgIUNZ1vX8QbuFi/aAZzDo3c5U1FlaswCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPZXhhbXBsZS5pbnZhbGlkMB4XDTI2MTEyNjA4MDcwOVoXDTQ2
MTEyMTA4MDcwOVowGjEYMBYGA1UEAwwPZXhhbXBsZS5pbnZhbGlkMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEIoaG6k1cc7UcpBTS0GmpXHRDy3F8wGyJ+tZ+qm4u
LdppMEldeBhWTCKjIa4CCqQojPR2j97exXNIniFZi5Y8L6NTMFEwHQYDVR0OBBYE
FGhAhfBecrd6JDEgqwuCYE0D7cYpMB8GA1UdIwQYMBaAFGhAhfBecrd6JDEgqwuC
YE0D7cYpMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAJA7ARvq
FgdUfOjxqM5Z+t2ue0mPELckg7fODp9A/vCNAiEAwr6ZOzkwdK5KLX6vFrE1D5eu
hrIEN7qUdVOjzGCgid0=
-----END CERTIFICATE-----
"""

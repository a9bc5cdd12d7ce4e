"""The fake of the Kubernetes API that the fast tests stand on answers as a real API server does.

One script of operations runs on both; what each operation brings is compared, less what no two servers have in common:
uids, times, resourceVersions.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.fakekube import FakeApi, FakeConnection
from harness.fakekube.connection import connect as connect_fake
from harness.fakekube.learn import learn, written
from harness.fakekube.schema import BUILT_IN_FILE, built_in
from kotsapp.kube.client import KubeClient, connect
from kotsapp.kube.connection import Connection
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.kube.request import Request
from localworld.world import World

Object = dict[str, Any]
NAMESPACE = "the-fake-is-true"
AGENT = "kotsapp-operator"
NOBODY = f"system:serviceaccount:{NAMESPACE}:nobody"
_VARYING = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "clusterIP", "clusterIPs", "nodePort"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def obj(api_version: str, kind: str, name: str, namespace: str = NAMESPACE, **fields: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def config_map(name: str = "settings", **data: str) -> Object:
    return obj("v1", "ConfigMap", name, data=data)


def container(name: str = "main", **fields: Any) -> Object:
    return {"name": name, "image": "example.invalid/main:1", **fields}


def deployment(*containers: Object, pod: Object | None = None, **spec: Any) -> Object:
    labels = {"app": "shop"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": list(containers or [container()]), **(pod or {})},
    }
    return obj(
        "apps/v1", "Deployment", "shop", spec={"selector": {"matchLabels": labels}, "template": template, **spec}
    )


def stateful_set(**spec: Any) -> Object:
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    made = {"serviceName": "db", "selector": {"matchLabels": labels}, "template": template, **spec}
    return obj("apps/v1", "StatefulSet", "db", spec=made)


def job(image: str = "example.invalid/main:1") -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [container(image=image)]}}
    return obj("batch/v1", "Job", "migrate", spec={"template": template})


def widget(**fields: Any) -> Object:
    return obj("example.invalid/v1", "Widget", "one", **fields)


WIDGETS = obj(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "widgets.example.invalid",
    "",
    spec={
        "group": "example.invalid",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer"},
                                    "colour": {"type": "string", "enum": ["red", "green"]},
                                    "shape": {"type": "string", "default": "round"},
                                    "tags": {"type": "array", "items": {"type": "string"}},
                                    "options": {"type": "object", "additionalProperties": {"type": "string"}},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "parts": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}},
                                        },
                                    },
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
)


@dataclass(slots=True)
class Server:
    """One of the two, and what is noted of it on the way."""

    client: KubeClient
    connection: Connection
    versions: dict[str, str] = field(default_factory=dict)

    async def live(self, api_version: str, kind: str, name: str) -> Object:
        found = await self.client.get(await self.client.resource_type(api_version, kind), name, NAMESPACE)
        return found or {}

    async def apply(self, wanted: Object, manager: str = "kotsapp", *, force: bool = True) -> Object:
        kind = await self.client.resource_type(wanted["apiVersion"], wanted["kind"])
        query = [("fieldManager", manager), ("force", str(force).lower())]
        path = kind.path(NAMESPACE, wanted["metadata"]["name"])
        return await self.connection.json(Request("PATCH", path, body=wanted, query=query, content_type=APPLY))

    async def patch(self, kind: str, name: str, patch: Any, subresource: str = "", api_version: str = "v1") -> Object:
        resource = await self.client.resource_type(api_version, kind)
        form = "json-patch" if isinstance(patch, list) else "merge-patch"
        path = resource.path(NAMESPACE, name) + subresource
        return await self.connection.json(Request("PATCH", path, body=patch, content_type=f"application/{form}+json"))

    async def delete(self, kind: str, name: str, uid: str | None = None, api_version: str = "v1") -> bool:
        return await self.client.delete(await self.client.resource_type(api_version, kind), name, NAMESPACE, uid=uid)

    async def listed(self, **options: Any) -> Any:
        items, _ = await self.client.list(await self.client.resource_type("v1", "ConfigMap"), NAMESPACE, **options)
        return items

    async def is_rewritten(self, wanted: Object) -> bool:
        """Whether applying it once more stores anything."""
        before = await self.apply(wanted)
        return bool((await self.apply(wanted))["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])

    async def watched(self, count: int, **options: Any) -> list[Any]:
        """As many events since the place that was noted."""
        kind = await self.client.resource_type("v1", "ConfigMap")
        events: list[Any] = []
        async with asyncio.timeout(20):
            async for event in self.client.watch(kind, NAMESPACE, self.versions["here"], **options):
                if event["type"] != "BOOKMARK":
                    events.append(event)
                if len(events) == count:
                    break
        return events

    async def note_version(self) -> None:
        self.versions["here"] = await self.client.version_of(
            await self.client.resource_type("v1", "ConfigMap"), NAMESPACE
        )


APPLY = "application/apply-patch+yaml"
_CONFIG_MAPS = ResourceType("v1", "ConfigMap", "configmaps", namespaced=True)
Step = Callable[[Server], Awaitable[Any]]
TWO = [container(), container("side", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])]
PORTS = [{"port": 80, "name": "http"}, {"port": 80, "name": "udp", "protocol": "UDP"}]
SERVICE = obj("v1", "Service", "web", spec={"selector": {"app": "shop"}, "ports": PORTS})
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "one"}
BINDING = obj("rbac.authorization.k8s.io/v1", "RoleBinding", "bind", roleRef=ROLE_REF, subjects=[])
LABELLED = obj("v1", "ConfigMap", "labelled", metadata={"labels": {"mark": "a", "other": "b"}})
CLAIM = obj(
    "v1",
    "PersistentVolumeClaim",
    "data",
    spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "a"},
)
HELD = obj("v1", "ConfigMap", "held", metadata={"finalizers": ["example.invalid/hold"]})
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "uid": "11111111-1111-4111-8111-111111111111"}

# In this order: a step finds what the ones before it have left.
STEPS: dict[str, Step] = {
    "nothing is there": lambda s: s.live("v1", "ConfigMap", "settings"),
    "a dry run makes nothing": lambda s: s.client.apply(config_map(a="1"), dry_run=True),
    "still nothing is there": lambda s: s.live("v1", "ConfigMap", "settings"),
    "an apply makes it": lambda s: s.apply(config_map(a="1", b="2")),
    "applied again it is not written": lambda s: s.is_rewritten(config_map(a="1", b="2")),
    "what is no longer applied goes": lambda s: s.apply(config_map(a="1", c="3")),
    "another changes a field and owns it": lambda s: s.patch(
        "ConfigMap", "settings", {"data": {"a": "other", "d": "4"}}
    ),
    "what another owns meets a conflict": lambda s: s.apply(config_map(a="1", c="3"), force=False),
    "two conflicts": lambda s: s.apply(config_map(a="1", d="1"), force=False),
    "by force it is ours again": lambda s: s.apply(config_map(a="1", c="3", d="4")),
    "what two own stays when one drops it": lambda s: s.apply(config_map(a="1")),
    "another applier adds": lambda s: s.apply(config_map(e="5"), manager="other"),
    "all of a map's fields dropped": lambda s: s.apply(obj("v1", "ConfigMap", "settings")),
    "a merge patch takes fields away": lambda s: s.patch("ConfigMap", "settings", {"data": {"e": None}}),
    "a merge patch of a version that has gone": lambda s: s.patch(
        "ConfigMap", "settings", {"metadata": {"resourceVersion": "1"}, "data": {"x": "y"}}
    ),
    "labels, annotations and owners": lambda s: s.apply(
        obj(
            "v1",
            "ConfigMap",
            "owned",
            metadata={"labels": {"a": "b"}, "annotations": {"c": "d"}, "ownerReferences": [OWNER]},
        )
    ),
    "an owner is taken off": lambda s: s.patch("ConfigMap", "owned", {"metadata": {"ownerReferences": []}}),
    "labels dropped": lambda s: s.apply(obj("v1", "ConfigMap", "owned")),
    "an update that changes nothing": lambda s: s.patch("ConfigMap", "owned", {"metadata": {"labels": None}}),
    # -- workloads
    "a deployment, with its defaults": lambda s: s.apply(deployment()),
    "a deployment applied again is not written": lambda s: s.is_rewritten(deployment()),
    "lists by their keys": lambda s: s.apply(
        deployment(
            container(
                args=["a", "b"],
                ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
                env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
                resources={"limits": {"cpu": "1"}},
            ),
            pod={
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                "imagePullSecrets": [{"name": "pull"}],
                "nodeSelector": {"a": "b"},
                "serviceAccountName": "deployer",
            },
            replicas=2,
        )
    ),
    "items of lists go": lambda s: s.apply(
        deployment(container(args=["a"], env=[{"name": "B", "value": "3"}]), replicas=2)
    ),
    "replicas change hands": lambda s: s.apply(
        obj("apps/v1", "Deployment", "shop", spec={"replicas": 2}), manager="scaler"
    ),
    "replicas stay with their other owner": lambda s: s.apply(deployment()),
    "another applier's container": lambda s: s.apply(
        obj("apps/v1", "Deployment", "shop", spec={"template": {"spec": {"containers": [TWO[1]]}}}), manager="injector"
    ),
    "both containers": lambda s: s.apply(deployment(*TWO)),
    "the other one keeps its own": lambda s: s.apply(deployment()),
    "a status is not applied": lambda s: s.apply({**deployment(), "status": {"replicas": 7}}),
    "the status is a controller's": lambda s: s.patch(
        "Deployment", "shop", {"status": {"replicas": 2, "observedGeneration": 1}}, "/status", "apps/v1"
    ),
    "the status is kept": lambda s: s.apply(deployment(revisionHistoryLimit=3)),
    "a strategy beside nobody's defaults": lambda s: s.apply(deployment(strategy={"type": "Recreate"})),
    "a strategy, rolling": lambda s: s.apply(
        deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    ),
    "a strategy after its defaults were ours": lambda s: s.apply(deployment(strategy={"type": "Recreate"})),
    "a selector can't change": lambda s: s.apply(deployment(selector={"matchLabels": {"app": "other"}})),
    "an unknown field": lambda s: s.apply(deployment(nonsense=True)),
    "a text that is a number": lambda s: s.apply(deployment(replicas="2")),
    "a variable twice": lambda s: s.apply(deployment(container(env=[{"name": "A"}, {"name": "A"}]))),
    "no container": lambda s: s.apply(deployment(pod={"containers": []})),
    "an item without its key": lambda s: s.apply(deployment({"image": "x"})),
    "made as what is there": lambda s: s.client.create(deployment(), dry_run=True),
    "a set": lambda s: s.apply(stateful_set()),
    "a set's service can't change": lambda s: s.apply(stateful_set(serviceName="other")),
    "a set on delete beside nobody's defaults": lambda s: s.apply(stateful_set(updateStrategy={"type": "OnDelete"})),
    "a set's policy can't change": lambda s: s.apply(stateful_set(podManagementPolicy="Parallel")),
    "a set's claims can't change": lambda s: s.apply(
        stateful_set(volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": CLAIM["spec"]}])
    ),
    "a job": lambda s: s.apply(job()),
    "a job's mode can't change": lambda s: s.apply({**job(), "spec": {**job()["spec"], "completionMode": "Indexed"}}),
    "a job's template can't change": lambda s: _refused_fields(s, job("example.invalid/main:2")),
    # -- owners, written as such
    "made by another": lambda s: s.client.create(config_map("handed", a="1", b="2")),
    "one field handed over": lambda s: _handed_over(s, {"f:data": {"f:a": {}}}),
    "applied by the one it was handed to": lambda s: s.apply(config_map("handed", a="1", c="3")),
    "owners taken away": lambda s: s.patch("ConfigMap", "handed", {"metadata": {"managedFields": [{}]}}),
    "applied first after that": lambda s: s.apply(config_map("handed", a="2")),
    "no owners are as those there are": lambda s: s.patch("ConfigMap", "handed", {"metadata": {"managedFields": []}}),
    # -- other kinds
    "a daemon set": lambda s: s.apply(
        obj(
            "apps/v1",
            "DaemonSet",
            "agent",
            spec={
                "selector": {"matchLabels": {"app": "agent"}},
                "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [container()]}},
            },
        )
    ),
    "a cron job": lambda s: s.apply(
        obj(
            "batch/v1",
            "CronJob",
            "nightly",
            spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": job()["spec"]}},
        )
    ),
    "an ingress": lambda s: s.apply(
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
        )
    ),
    "a role": lambda s: s.apply(
        obj(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "one",
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        )
    ),
    "an account": lambda s: s.apply(obj("v1", "ServiceAccount", "deployer", imagePullSecrets=[{"name": "pull"}])),
    "a service": lambda s: s.apply(SERVICE),
    "a service less a port": lambda s: s.apply({**SERVICE, "spec": {**SERVICE["spec"], "ports": PORTS[:1]}}),
    "a secret": lambda s: s.apply(obj("v1", "Secret", "key", data={"a": "YQ=="})),
    "a secret's text": lambda s: s.apply(obj("v1", "Secret", "key", stringData={"b": "b"})),
    "a secret's type can't change": lambda s: s.apply(obj("v1", "Secret", "key", type="example.invalid/other")),
    "an immutable one": lambda s: s.apply({**config_map("fixed", a="1"), "immutable": True}),
    "an immutable one can't change": lambda s: s.apply({**config_map("fixed", a="2"), "immutable": True}),
    "a claim": lambda s: s.apply(CLAIM),
    "a claim can't change": lambda s: s.apply({**CLAIM, "spec": {**CLAIM["spec"], "storageClassName": "b"}}),
    "a binding": lambda s: s.apply(BINDING),
    "a binding's role can't change": lambda s: s.apply({**BINDING, "roleRef": {**ROLE_REF, "name": "two"}}),
    "a bad name": lambda s: s.apply(config_map("Not_A_Name")),
    "a namespace that is not there": lambda s: s.client.apply(obj("v1", "ConfigMap", "x", "nowhere")),
    "a kind that is not served": lambda s: s.client.apply(obj("example.invalid/v9", "Widget", "x")),
    "a path that is not served": lambda s: s.connection.json(Request("GET", "/apis/example.invalid/v9/widgets")),
    # -- custom resources
    "a definition": lambda s: _defined(s),
    "a custom resource": lambda s: s.apply(
        widget(spec={"size": 1, "tags": ["a", "b"], "options": {"x": "y"}, "parts": [{"name": "p", "weight": 1}]})
    ),
    "a custom resource less some": lambda s: s.apply(widget(spec={"size": 2, "tags": ["b"]})),
    "a custom resource's free part": lambda s: s.apply(widget(spec={"size": 2, "free": {"a": {"b": [1]}, "c": 1}})),
    "a custom resource's unknown field": lambda s: s.apply(widget(spec={"size": 2, "nonsense": 1})),
    "a custom resource's unknown field is dropped": lambda s: s.patch(
        "Widget", "one", {"spec": {"nonsense": 1, "size": 3}}, "", "example.invalid/v1"
    ),
    "a custom resource's missing field": lambda s: s.apply(widget(spec={"colour": "red"})),
    "a custom resource's bad value": lambda s: s.apply(widget(spec={"size": 2, "colour": "blue"})),
    "a custom resource's status": lambda s: s.patch(
        "Widget", "one", [{"op": "add", "path": "/status", "value": {"a": 1}}], "/status", "example.invalid/v1"
    ),
    "a status that is not tested true": lambda s: s.patch(
        "Widget",
        "one",
        [
            {"op": "test", "path": "/metadata/uid", "value": "other"},
            {"op": "add", "path": "/status", "value": {"a": 2}},
        ],
        "/status",
        "example.invalid/v1",
    ),
    "a spec by way of the status": lambda s: s.patch(
        "Widget", "one", {"spec": {"size": 9}, "status": {"b": 1}}, "/status", "example.invalid/v1"
    ),
    "a status by way of the spec": lambda s: s.patch(
        "Widget", "one", {"spec": {"size": 9}, "status": {"b": 2}}, "", "example.invalid/v1"
    ),
    # -- lists and watches
    "the place from which to watch": lambda s: s.note_version(),
    "labelled": lambda s: s.apply(LABELLED),
    "relabelled": lambda s: s.patch("ConfigMap", "labelled", {"metadata": {"labels": {"mark": "z"}}}),
    "labelled again": lambda s: s.patch("ConfigMap", "labelled", {"metadata": {"labels": {"mark": "a"}}}),
    "by label": lambda s: s.listed(labels="mark=a"),
    "by labels": lambda s: s.listed(labels="mark in (a,b),other!=c,!missing"),
    "metadata alone": lambda s: s.listed(labels="mark", metadata_only=True),
    "in chunks": lambda s: _chunks(s),
    "in chunks of ever fewer": lambda s: _large_ones(s),
    "by name": lambda s: s.listed(fields="metadata.name=labelled"),
    "one's metadata alone": lambda s: _metadata(s, "labelled"),
    "labelled is gone": lambda s: s.delete("ConfigMap", "labelled"),
    "watched by label": lambda s: s.watched(4, labels="mark=a"),
    "watched by metadata": lambda s: s.watched(2, metadata_only=True),
    "watched by name": lambda s: _names(s, 2),
    # -- deletion
    "gone already": lambda s: s.delete("ConfigMap", "labelled"),
    "deleted as another": lambda s: _raw_delete(s, "settings", "22222222-2222-4222-8222-222222222222"),
    "deleted as it was": lambda s: _deleted_as_it_was(s, "settings"),
    "held by a finalizer": lambda s: s.apply(HELD),
    "deleted and held": lambda s: _raw_delete(s, "held", None),
    "deleted twice": lambda s: _raw_delete(s, "held", None),
    "let go of": lambda s: s.patch("ConfigMap", "held", {"metadata": {"finalizers": []}}),
    "held no longer": lambda s: s.live("v1", "ConfigMap", "held"),
    "deleted": lambda s: _raw_delete(s, "settings", None),
    # -- rights
    "read without a right": lambda s: _as_nobody(s).get(_CONFIG_MAPS, "owned", NAMESPACE),
    "listed without a right": lambda s: _as_nobody(s).list(_CONFIG_MAPS, NAMESPACE),
    "applied without a right": lambda s: _as_nobody(s).apply(config_map("owned")),
    "a review of one's rights": lambda s: _review(s),
}


async def _defined(server: Server) -> Object:
    await server.client.apply(WIDGETS)
    kind = await server.client.resource_type("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    async with asyncio.timeout(20):
        while True:
            live = await server.client.get(kind, "widgets.example.invalid") or {}
            conditions = {c["type"]: c["status"] for c in live.get("status", {}).get("conditions") or []}
            with contextlib.suppress(UnknownKindError):
                server.client.forget_kinds("example.invalid/v1")
                await server.client.resource_type("example.invalid/v1", "Widget")
                if conditions.get("Established") == "True":
                    return {name: conditions[name] for name in ("Established", "NamesAccepted")}
            await asyncio.sleep(0.1)


async def _refused_fields(server: Server, wanted: Object) -> list[str]:
    """Where the object can't change; the message quotes all of it."""
    try:
        await server.apply(wanted)
    except ApiError as error:
        return [str(error.status), str(error.immutable), *error.fields]
    return []


async def _handed_over(server: Server, fields: Object) -> Object:
    """Have what the first manager owns of these fields be an applier's."""
    live = await server.live("v1", "ConfigMap", "handed")
    [entry] = live["metadata"]["managedFields"]
    mine = {**entry, "manager": "kotsapp", "operation": "Apply", "fieldsV1": fields}
    rest = {**entry, "fieldsV1": {"f:data": {".": {}, "f:b": {}}}}
    metadata = {"managedFields": [mine, rest], "resourceVersion": live["metadata"]["resourceVersion"]}
    return await server.patch("ConfigMap", "handed", {"metadata": metadata})


async def _large_ones(server: Server) -> list[str]:
    """More than one answer may have, asked for in smaller pages from where the last one ended."""
    names = [f"large-{number:02}" for number in range(30)]
    for name in names:
        metadata = {"name": name, "namespace": NAMESPACE, "labels": {"size": "large"}}
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "x" * 300_000}}
        await server.apply(made)
    found = [one["metadata"]["name"] for one in await server.listed(labels="size=large")]
    for name in names:
        await server.delete("ConfigMap", name)
    return found


async def _chunks(server: Server) -> list[Any]:
    """Names, chunk by chunk."""
    chunks: list[Any] = []
    more = ""
    while True:
        query = [("limit", "2"), *([("continue", more)] if more else [])]
        page = await server.connection.json(Request("GET", _CONFIG_MAPS.path(NAMESPACE), query=query))
        names = [item["metadata"]["name"] for item in page["items"] if item["metadata"]["name"] != "kube-root-ca.crt"]
        chunks += names
        more = page["metadata"].get("continue") or ""
        if not more:
            return chunks


async def _metadata(server: Server, name: str) -> Object | None:
    kind = await server.client.resource_type("v1", "ConfigMap")
    return await server.client.get(kind, name, NAMESPACE, metadata_only=True)


async def _names(server: Server, count: int) -> list[Any]:
    events = await server.watched(count, names_only=True)
    return [(event["type"], [row["cells"][0] for row in event["object"]["rows"]]) for event in events]


async def _raw_delete(server: Server, name: str, uid: str | None, version: str | None = None) -> Object:
    body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    if uid or version:
        wanted = {"uid": uid, "resourceVersion": version}
        body["preconditions"] = {name: value for name, value in wanted.items() if value}
    return await server.connection.json(Request("DELETE", _CONFIG_MAPS.path(NAMESPACE, name), body=body))


async def _deleted_as_it_was(server: Server, name: str) -> object:
    """Refused, by words that tell the live version, which is another one on each server."""
    try:
        return await _raw_delete(server, name, None, version="1")
    except ApiError as error:
        return error.status, error.reason, re.sub(r"record \([0-9]+\)", "record (N)", error.message)


async def _review(server: Server) -> Object:
    attributes = {"namespace": NAMESPACE, "verb": "impersonate", "resource": "serviceaccounts", "name": "nobody"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    found = [
        (await client.request("POST", path, review))["status"]["allowed"]
        for client in (server.client, _as_nobody(server))
    ]
    return {"allowed": found}


def _as_nobody(server: Server) -> KubeClient:
    return server.client.impersonating(NOBODY)


# -- running and comparing


async def run(server: Server) -> dict[str, Any]:
    """What every step brings: its result, or the error."""
    found: dict[str, Any] = {}
    for name, step in STEPS.items():
        try:
            found[name] = comparable(await step(server))
        except ApiError as error:
            causes = sorted((cause.field, _comparable(cause.message)) for cause in error.causes)
            found[name] = {"error": error.status, "reason": error.reason, "causes": causes}
            found[name]["message"] = _comparable(error.message)
        except UnknownKindError as error:
            found[name] = {"unknown": str(error)}
    return found


def _comparable(message: str) -> str:
    """What is said, less what Go's own types look like when they are printed."""
    message = re.sub(r"Invalid value: [\[{].*?[\]}]: (?=\W?[a-z])", "Invalid value: {}: ", _UUID.sub("UID", message))
    return re.split(r"\s*@@", message)[0].strip()


def comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return _UUID.sub("UID", value) if isinstance(value, str) else value
    result = {name: comparable(inside) for name, inside in value.items() if name != "managedFields"}
    for name in _VARYING & result.keys():
        result[name] = "..."
    if "managedFields" in value:
        result["managedFields"] = sorted(
            (e["manager"], e["operation"], e["apiVersion"], e.get("subresource", ""), _owned(e))
            for e in value["managedFields"]
        )
    return result


def _owned(entry: Object) -> list[str]:
    """What an entry owns. Of an update that is less sure: whether the structure around a field is owned with it
    depends on what Go makes of an empty object."""
    return sorted(_paths(entry["fieldsV1"], "", exact=entry["operation"] == "Apply"))


def _paths(fields: Object, path: str, *, exact: bool) -> Iterator[str]:
    if path and (not fields or (exact and "." in fields)):
        yield path
    for step, inside in fields.items():
        if step != ".":
            yield from _paths(inside, f"{path} {step}", exact=exact)


async def _on_the_fake() -> dict[str, Any]:
    api = FakeApi()
    api.rights.user = "kubernetes-admin"
    api.rights.deny(user=NOBODY)
    api.namespace(NAMESPACE)
    return await run(Server(connect_fake(api), FakeConnection(api)))


async def _on_the_real_one(kubeconfig: str) -> dict[str, Any]:
    client, connection = await connect(AGENT, kubeconfig=kubeconfig)
    try:
        return await run(Server(client, connection))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def both(world: World) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What the steps bring on the real server and on the fake; no controller works meanwhile."""
    world.create_namespace(NAMESPACE)
    assert world.controller_manager is not None
    world.controller_manager.pause()
    try:
        real = asyncio.run(_on_the_real_one(str(world.kubeconfig)))
    finally:
        world.controller_manager.resume()
    yield real, asyncio.run(_on_the_fake())
    world.api.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{WIDGETS['metadata']['name']}")
    world.api.delete(f"/api/v1/namespaces/{NAMESPACE}")


@pytest.mark.parametrize("step", STEPS)
def test_the_fake_does_as_the_real_server(both: tuple[dict[str, Any], dict[str, Any]], step: str) -> None:
    real, fake = both
    assert fake[step] == real[step]


def test_the_kinds_and_types_are_the_real_servers(world: World) -> None:
    if world.programs.version != built_in().version:
        pytest.skip(f"written from {built_in().version}, this is {world.programs.version}")
    assert written(learn(world.api.get)) == BUILT_IN_FILE.read_text()

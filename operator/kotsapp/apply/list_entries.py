"""Lists whose entries are told apart by keys: kubectl takes an entry that is given twice, server-side apply refuses it.

The table has what the API server's schemas call lists of type ``map`` and ``set``, status aside, which a test holds
against a real API server. Custom resources are not in it: the API server refuses such entries from kubectl, too. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.managed_fields import KEY_DEFAULTS
from kotsapp.images.podspec import BUILT_IN_POD_SPECS, CONTAINER_LISTS
from kotsapp.kube.objects import ObjectKey

Object = Mapping[str, Any]
# The names of fields on the way to a list; other lists on the way are gone through.
Place = tuple[str, ...]
# The fields that tell a list's entries apart; none for a set, whose entries are told apart as they are.
Keys = tuple[str, ...]

_NAME: Keys = ("name",)
_SET: Keys = ()
# Of these the last one counts: for the kubelet, or for whoever reads the account.
_LAST_COUNTS = frozenset({"env", "secrets"})

_IN_CONTAINER: Mapping[Place, Keys] = {
    (): _NAME,
    ("env",): _NAME,
    ("ports",): ("containerPort", "protocol"),
    ("resources", "claims"): _NAME,
    ("restartPolicyRules", "exitCodes", "values"): _SET,
    ("volumeDevices",): ("devicePath",),
    ("volumeMounts",): ("mountPath",),
    ("volumeMounts", "bindMountOptions"): _SET,
}
_IN_POD_SPEC: Mapping[Place, Keys] = {
    **{(name, *place): keys for name in CONTAINER_LISTS for place, keys in _IN_CONTAINER.items()},
    ("evictionResponders",): _NAME,
    ("hostAliases",): ("ip",),
    ("imagePullSecrets",): _NAME,
    ("resourceClaims",): _NAME,
    ("resources", "claims"): _NAME,
    ("schedulingGates",): _NAME,
    ("topologySpreadConstraints",): ("topologyKey", "whenUnsatisfiable"),
    ("volumes",): _NAME,
    ("volumes", "ephemeral", "volumeClaimTemplate", "metadata", "finalizers"): _SET,
}
_IN_JOB_SPEC: Mapping[Place, Keys] = {
    ("podFailurePolicy", "rules", "onExitCodes", "values"): _SET,
    ("scheduling", "resourceClaims"): _NAME,
}
_IN_WEBHOOKS: Mapping[Place, Keys] = {("webhooks",): _NAME, ("webhooks", "matchConditions"): _NAME}
_ADMISSION = "admissionregistration.k8s.io"


def _with_pods(path: Place) -> dict[Place, Keys]:
    """The lists of a kind that has its pod spec at this path."""
    template = {(*path[:-1], "metadata", "finalizers"): _SET} if len(path) > 1 else {}
    return template | {(*path, *place): keys for place, keys in _IN_POD_SPEC.items()}


def _below(path: Place, lists: Mapping[Place, Keys]) -> dict[Place, Keys]:
    return {(*path, *place): keys for place, keys in lists.items()}


_PODS = {kind: _with_pods(path) for kind, path in BUILT_IN_POD_SPECS.items()}

# By group and kind; what is under no kind is every object's.
ENTRY_KEYS: Mapping[tuple[str, str], Mapping[Place, Keys]] = {
    ("", ""): {("metadata", "finalizers"): _SET},
    **_PODS,
    ("", "Node"): {
        ("spec", "podCIDRs"): _SET,
        ("spec", "podPreemptionPolicy", "disableResizePreemption"): _SET,
    },
    ("", "Service"): {("spec", "ports"): ("port", "protocol")},
    ("", "ServiceAccount"): {("secrets",): _NAME},
    (_ADMISSION, "MutatingAdmissionPolicy"): {("spec", "matchConditions"): _NAME},
    (_ADMISSION, "MutatingWebhookConfiguration"): _IN_WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): {("spec", "matchConditions"): _NAME, ("spec", "variables"): _NAME},
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): {("spec", "validationActions"): _SET},
    (_ADMISSION, "ValidatingWebhookConfiguration"): _IN_WEBHOOKS,
    ("apps", "StatefulSet"): _PODS["apps", "StatefulSet"]
    | {("spec", "volumeClaimTemplates", "metadata", "finalizers"): _SET},
    ("batch", "CronJob"): _PODS["batch", "CronJob"]
    | _below(("spec", "jobTemplate", "spec"), _IN_JOB_SPEC)
    | {("spec", "jobTemplate", "metadata", "finalizers"): _SET},
    ("batch", "Job"): _PODS["batch", "Job"] | _below(("spec",), _IN_JOB_SPEC),
    ("discovery.k8s.io", "EndpointSlice"): {("endpoints", "addresses"): _SET},
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): {
        **_below(("spec", "rules", "nonResourceRules"), {("nonResourceURLs",): _SET, ("verbs",): _SET}),
        **_below(
            ("spec", "rules", "resourceRules"),
            {("apiGroups",): _SET, ("namespaces",): _SET, ("resources",): _SET, ("verbs",): _SET},
        ),
    },
    ("resource.k8s.io", "ResourceClaimTemplate"): {("spec", "metadata", "finalizers"): _SET},
    ("resource.k8s.io", "ResourceSlice"): {("spec", "skipNodeOperations"): _SET},
    ("storage.k8s.io", "CSIDriver"): {("spec", "volumeLifecycleModes"): _SET},
    ("storage.k8s.io", "CSINode"): {("spec", "drivers"): _NAME},
}


def with_entries_once(obj: Object, key: ObjectKey) -> Object:
    """The object with every entry once, as kubectl and the kubelet would take it; the same object where nothing is
    given twice. What contradicts itself is left for the API server to refuse.

    Of environment variables with one name, and of an account's Secrets, the last one counts; the names of one address
    are all the host's; of others the fields are put together, as long as no field is given two values.
    """
    once: Object = _changed(obj, _LISTS.get(key.group_kind, _EVERY), "")
    return once


@dataclass(slots=True)
class _Node:
    """The table as a tree, so that an object is gone through once: the lists below a place, and the keys of its own."""

    below: dict[str, "_Node"] = field(default_factory=dict)
    keys: Keys | None = None

    @classmethod
    def of(cls, lists: Mapping[Place, Keys]) -> "_Node":
        root = cls()
        for place, keys in lists.items():
            node = root
            for name in place:
                node = node.below.setdefault(name, cls())
            node.keys = keys
        return root


_EVERY = _Node.of(ENTRY_KEYS["", ""])
_LISTS = {kind: _Node.of({**ENTRY_KEYS["", ""], **lists}) for kind, lists in ENTRY_KEYS.items()}


def _changed(value: Any, node: _Node, name: str) -> Any:
    if isinstance(value, list):
        if node.below:
            items = [_changed(item, node, "") for item in value]
            value = value if all(new is old for new, old in zip(items, value, strict=True)) else items
        # A list in a list has no name, and none of the schemas has one.
        return _once(value, name, node.keys) if name and node.keys is not None else value
    if not isinstance(value, Mapping):
        return value
    found = {part: _changed(value[part], below, part) for part, below in node.below.items() if part in value}
    changed = {part: child for part, child in found.items() if child is not value[part]}
    return {**value, **changed} if changed else value


def _once(entries: list[Any], name: str, keys: Keys) -> list[Any]:
    found: dict[Any, Any] = {}
    for entry in entries:
        identity = _identity(entry, keys)
        if identity is None:
            return entries
        entry = _together(found[identity], entry, name) if identity in found else entry
        if entry is None:
            return entries
        found[identity] = entry
    return entries if len(found) == len(entries) else list(found.values())


def _identity(entry: Any, keys: Keys) -> tuple[Any, ...] | None:
    """What identifies the entry; None where it has another shape."""
    if not keys:
        values = [entry]
    elif isinstance(entry, Mapping):
        values = [entry.get(key) if entry.get(key) is not None else KEY_DEFAULTS.get(key) for key in keys]
    else:
        return None
    return tuple(values) if all(isinstance(value, str | int) for value in values) else None


def _together(one: Any, other: Any, name: str) -> Any:
    """Two entries as one; None where they contradict each other."""
    if not isinstance(one, Mapping) or name in _LAST_COUNTS:
        return other
    if name == "hostAliases" and isinstance(one.get("hostnames"), list) and isinstance(other.get("hostnames"), list):
        return {**one, **other, "hostnames": list(dict.fromkeys([*one["hostnames"], *other["hostnames"]]))}
    if any(one[field] != other[field] for field in one.keys() & other.keys()):
        return None
    return {**one, **other}

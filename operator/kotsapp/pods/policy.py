"""The admission policy that routes images of pods that others make (DESIGN 7). Data alone: the API server runs it.

It has neither a server nor an outage: what routes is the status of KotsApps that the API server has at hand. Both
ways to install it are generated from here (``python -m harness.shipped_policy``).
"""

from typing import Any, Final

from kotsapp.names import API_VERSION, KIND, ROUTED_LABEL

GROUP: Final = "admissionregistration.k8s.io"
# The newest first: v1beta1 is served from Kubernetes 1.34 on where it is switched on, v1 from 1.36 on.
API_VERSIONS: Final = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
POLICY_KIND: Final = "MutatingAdmissionPolicy"
BINDING_KIND: Final = "MutatingAdmissionPolicyBinding"
NAME: Final = "kotsapp-pods"
LABEL_VALUE: Final = "enabled"

_LISTS = ("containers", "initContainers", "ephemeralContainers")


def _listed(pod: str, field: str) -> str:
    return f"{pod}.spec.?{field}.orValue([])"


def _all(pod: str) -> str:
    return " + ".join(_listed(pod, field) for field in _LISTS)


def _containers(field: str) -> str:
    """Patches of one list of containers."""
    return (
        f"{_listed('object', field)}.transformList(n, c,\n"
        "  c.?image.orValue('') in variables.pulls && !((c.name + '=' + c.image) in variables.before),\n"
        f"  JSONPatch{{op: 'replace', path: '/spec/{field}/' + string(n) + '/image', value: variables.pulls[c.image]}})"
    )


# Image volumes can't be changed once a pod is there.
_VOLUMES = (
    "(request.operation == 'CREATE' ? object.spec.?volumes.orValue([]) : []).transformList(n, v,\n"
    "  v.?image.?reference.orValue('') in variables.pulls,\n"
    "  JSONPatch{op: 'replace', path: '/spec/volumes/' + string(n) + '/image/reference',\n"
    "            value: variables.pulls[v.image.reference]})"
)

_ROUTES = "\n+ ".join(f"({expression})" for expression in (*(_containers(field) for field in _LISTS), _VOLUMES))

_SECRET = """\
(request.operation != 'CREATE' || size(variables.pulls) == 0 || variables.hasSecret ? [] : [
  has(object.spec.imagePullSecrets)
  ? JSONPatch{op: 'add', path: '/spec/imagePullSecrets/-', value: {'name': variables.secret}}
  : JSONPatch{op: 'add', path: '/spec/imagePullSecrets', value: [{'name': variables.secret}]}
])
+ """  # noqa: S105 - an expression

_VARIABLES = {
    # Whether this KotsApp routes at all: what its owner asks for, and what its operator has found. A static pod's image
    # in the API says what its node runs, and such a pod may name no Secret.
    "routes": (
        "params.spec.?pods.?route.orValue(false) && has(params.status) && has(params.status.pods)\n"
        "&& !('kubernetes.io/config.mirror' in object.metadata.?annotations.orValue({}))"
    ),
    "secret": "variables.routes ? params.status.pods.pullSecret : ''",
    "hasSecret": "object.spec.?imagePullSecrets.orValue([]).exists(s, s.?name.orValue('') == variables.secret)",
    "written": (
        f"({_all('object')}).map(c, c.?image.orValue(''))\n"
        "+ object.spec.?volumes.orValue([]).map(v, v.?image.?reference.orValue(''))"
    ),
    # What a container had before an update stays; one that is new is known by its name.
    "before": f"request.operation == 'CREATE' ? [] : ({_all('oldObject')}).map(c, c.name + '=' + c.?image.orValue(''))",
    # In front of what the pod wrote there may be one of the hosts that the license's signature vouches for, and nothing
    # else may be changed. The proxy must have been seen to serve it to the license: other people's private images,
    # which it does not have, stay as they are. A pod that is there takes no pull secret any more.
    "prefixes": (
        "variables.routes\n? params.status.pods.hosts.map(h, h + '/proxy/' + params.status.license.appSlug + '/')\n: []"
    ),
    "pulls": (
        "!variables.routes || (request.operation != 'CREATE' && !variables.hasSecret) ? {} :\n"
        "params.status.?images.orValue([])\n"
        ".filter(i, i.image in variables.written && i.?verified.orValue('') == 'True'\n"
        "  && i.?route.orValue('') in ['Proxy', 'Registry'] && has(i.pull)\n"
        "  && (i.pull == i.image || variables.prefixes.exists(p, i.pull == p + i.image)))\n"
        ".transformMapEntry(n, i, {i.image: i.pull})"
    ),
}


def policy(api_version: str = API_VERSIONS[0]) -> dict[str, Any]:
    """The policy: which pods it looks at, what it takes from which KotsApps, and what it changes."""
    return {
        "apiVersion": api_version,
        "kind": POLICY_KIND,
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "kotsapp-operator"}},
        "spec": {
            # Pods are made whatever becomes of it.
            "failurePolicy": "Ignore",
            # What other policies and webhooks put in afterwards is looked at, too: routing twice is routing once.
            "reinvocationPolicy": "IfNeeded",
            "paramKind": {"apiVersion": API_VERSION, "kind": KIND},
            "matchConstraints": {
                "resourceRules": [
                    _rule("pods", "CREATE"),
                    # How `kubectl debug` adds a container.
                    _rule("pods/ephemeralcontainers", "UPDATE"),
                ]
            },
            "variables": [{"name": name, "expression": expression} for name, expression in _VARIABLES.items()],
            # One, and no conditions before it: for each the API server (1.37) makes a copy of the whole KotsApp, by way
            # of its JSON, and that takes longer than all the rest.
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _SECRET + _ROUTES}}],
        },
    }


def binding(api_version: str = API_VERSIONS[0]) -> dict[str, Any]:
    """Where it holds: in labelled namespaces, by each KotsApp of the pod's own namespace in turn."""
    return {
        "apiVersion": api_version,
        "kind": BINDING_KIND,
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "kotsapp-operator"}},
        "spec": {
            "policyName": NAME,
            # No namespace: the pod's own one.
            "paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"},
            "matchResources": {"namespaceSelector": {"matchLabels": {ROUTED_LABEL: LABEL_VALUE}}},
        },
    }


def _rule(resource: str, operation: str) -> dict[str, Any]:
    return {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource]}

"""Names of the KotsApp API: its group, labels, annotations and finalizer."""

GROUP = "kotsapp.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "KotsApp"
PLURAL = "kotsapps"

FINALIZER = f"{GROUP}/cleanup"
# The label pair by which an object is known to belong to an app; a pair, since a label value has 63 characters.
NAME_LABEL = f"{GROUP}/name"
NAMESPACE_LABEL = f"{GROUP}/namespace"
PRUNE_ANNOTATION = f"{GROUP}/prune"
FORCE_ANNOTATION = f"{GROUP}/force"
# On a KotsApp: from whom it takes over what they applied before.
ADOPT_ANNOTATION = f"{GROUP}/adopt"
# On a namespace, by an administrator: images of any pod there may be routed.
ROUTED_LABEL = f"{GROUP}/route-pods"
# ``origin`` of an image in the status that was found in pods that others make, and in no manifest.
OF_PODS = "Pods"
# A new value of either annotation asks for a fresh probe now; the status field says which value was acted on last.
# The first pair is what `flux reconcile` writes and waits for.
REQUEST_ANNOTATION = f"{GROUP}/requestedAt"
REQUESTS = {
    "reconcile.fluxcd.io/requestedAt": "lastHandledReconcileAt",
    REQUEST_ANNOTATION: "lastHandledRequestedAt",
}
# A new value asks for a new rendering of the release, which draws new passwords; the status field says which one was
# acted on last.
RENDER_ANNOTATION = f"{GROUP}/renderAt"
RENDER_ANSWER = "lastHandledRenderAt"

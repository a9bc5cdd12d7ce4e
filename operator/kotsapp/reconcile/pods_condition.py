"""``PodsRouted``: whether images of pods that others make are routed, and what to do where they are not. Pure."""

from dataclasses import dataclass, replace

from kotsapp.api.conditions import PODS_ROUTED, Condition, Reason
from kotsapp.api.spec import Verify
from kotsapp.names import ROUTED_LABEL
from kotsapp.pods.installed import Obstacle
from kotsapp.pods.policy import LABEL_VALUE, NAME, POLICY_KIND
from kotsapp.pods.restart import Restarts
from kotsapp.pods.routing import Target
from kotsapp.reconcile import status
from kotsapp.reconcile.app import App
from kotsapp.text import counted, listed
from kotsapp.verdicts.decision import Resolution
from kotsapp.verdicts.verification import Verified

MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class RoutedPods:
    """What is known of an app's routes: images of its manifests (``own``) and of pods, where the license lets pods be
    led (``target``, None where nothing is vouched for), and whether the pods themselves may not be looked at.

    ``cut`` are images that a status as large as this one had no place for, though they are routed.
    """

    verify: Verify
    target: Target | None
    own: tuple[Resolution, ...]
    of_pods: tuple[Resolution, ...]
    is_forbidden: bool
    cut: tuple[str, ...] = ()


def problem(found: RoutedPods, app: App) -> Condition | None:
    """What stands in the way in the app itself; None when nothing does."""
    if found.target is None:
        return _false(
            Reason.HOST_NOT_VOUCHED,
            "the license's signature is not verified (--license-verification=Warn), so that nothing vouches for where"
            " pods of others would be led",
        )
    if found.verify is Verify.OFF:
        return _false(
            Reason.UNVERIFIED,
            "spec.proxy.verify is Off: pods of others are led to the proxy only where it was seen to serve the image to"
            " the license; set it to Report",
        )
    if found.is_forbidden:
        who = f"ServiceAccount {app.account}" if app.account else "the operator"
        return _false(
            Reason.PODS_NOT_WATCHED,
            f"images that are known are routed, and new ones are not noticed: {who} may not list and watch pods; an"
            " administrator allows it with a Role (verbs get, list, watch and delete of pods) and its RoleBinding in"
            f" namespace {app.namespace}",
        )
    return None


def routed(found: RoutedPods, obstacle: Obstacle | None, app: App, version: str) -> Condition:
    """What stands in the way outside of the app, or how much is routed; ``version`` is the API server's."""
    if obstacle is not None:
        return _obstructed(obstacle, app, version)
    proved = [one for one in found.own if one.is_routed and one.verified is Verified.TRUE]
    target = found.target
    strange = [] if target is None else [one for one in proved if not target.vouches_for(one.image, one.pull or "")]
    if target is not None and strange:
        shown = listed([f"{one.image} from {one.pull}" for one in strange], 2)
        return _false(
            Reason.HOST_NOT_VOUCHED,
            f"pods of others keep {counted(len(strange), 'image')} as written, since the license's signature does not"
            f" name where they are pulled from: {shown}. They are led to {' or '.join(target.hosts)} alone: ask the"
            " vendor for a license that names the domain, or leave spec.proxy.domain and registryDomain away",
        )
    beyond = [one.image for one in status.worst_first(found.own)[status.MAX_IMAGES :] if one.is_routed]
    if beyond or found.cut:
        missing, total = beyond or found.cut, len(found.own) + len(found.of_pods)
        return _false(
            Reason.TOO_MANY_IMAGES,
            "status.images, which is what the policy reads, has no place for"
            f" {counted(len(missing), 'routed image')} of {total}: {listed(missing, 2)}. It holds {status.MAX_IMAGES},"
            " and fewer where the whole status would be too large for the API server: split the app",
        )
    number = len(proved) + sum(one.is_routed for one in found.of_pods)
    return Condition.true(PODS_ROUTED, f"{counted(number, 'image')} routed in pods that others make")


def routes_some(status: str, reason: str) -> bool:
    """Whether the policy is at work, by the condition: though not for every image."""
    return status == "True" or reason in (Reason.HOST_NOT_VOUCHED, Reason.TOO_MANY_IMAGES)


def with_left(condition: Condition, done: Restarts, refused: str) -> Condition:
    """With the pods that a person has to begin anew, where there are any."""
    message = condition.message
    if refused:
        message += f"; pods that wait for their image can't be deleted: {refused}"
    if done.left:
        left = listed([f"{pod} ({why})" for pod, why in done.left], MAX_NAMED)
        message += f"; made before their image was routed and left for you to delete: {left}"
    return replace(condition, message=message)


def _obstructed(obstacle: Obstacle, app: App, version: str) -> Condition:
    if obstacle is Obstacle.UNSUPPORTED:
        return _false(
            Reason.POLICY_UNSUPPORTED,
            f"Kubernetes {version} serves no {POLICY_KIND}: it takes 1.36, or 1.34 with the feature and"
            " admissionregistration.k8s.io/v1beta1 switched on. Name the images in spec.imagePaths until then",
        )
    if obstacle is Obstacle.MISSING:
        return _false(
            Reason.POLICY_MISSING,
            f"{POLICY_KIND} {NAME} or its binding is not installed: an administrator adds components/pods to the"
            " kustomization of deploy/, or sets pods.enabled of the chart",
        )
    return _false(
        Reason.NAMESPACE_NOT_LABELLED,
        "the namespace does not allow it; an administrator does with: kubectl label namespace"
        f" {app.namespace} {ROUTED_LABEL}={LABEL_VALUE}",
    )


def _false(reason: Reason, message: str) -> Condition:
    return Condition.false(PODS_ROUTED, reason, message)

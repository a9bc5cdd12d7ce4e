"""What of a rendered chart's output belongs into the cluster, and when: objects, hooks and definitions."""

from typing import Any, NamedTuple

from kotsapp.images.podspec import group_kind
from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.errors import ManifestError
from kotsapp.manifests.scope import CLUSTER_SCOPED
from kotsapp.regexes import regex
from kotsapp.release.annotations import Object, hook_events, hook_weight, included, name
from kotsapp.release.charts import ChartRequest
from kotsapp.release.kots import is_applied
from kotsapp.release.upgrade import INSTALL, RUN_ONCE, UPGRADE, for_this_rendering, kept_hooks, marked, runs_now

FORCE = "kotsapp.dev/force"
_SOURCE = regex(r"\s*# Source: (\S+)")
_CRDS_FILE = regex(r"[^/]+(?:/charts/[^/]+)*+/crds/")

_BEFORE = frozenset({"pre-install", "pre-upgrade"})
# Run by `helm test`, `helm rollback` and `helm uninstall`, none of which happens here.
_NEVER_RUN = frozenset(
    {"test", "test-success", "test-failure", "pre-delete", "post-delete", "pre-rollback", "post-rollback"}
)


class Rendered(NamedTuple):
    """A chart's objects in Helm's order, the names of what is left out, and which definitions are of ``crds/``."""

    objects: list[Object]
    left_out: list[str]
    definitions: list[str]


class Hook(NamedTuple):
    """When Helm applies an object: ``before`` the others or after them, by ``weight``, smallest first."""

    before: bool
    weight: int

    @property
    def order(self) -> tuple[int, int]:
        """Sorts hooks and, as (0, 0), everything else into the order in which Helm applies them."""
        return (-1 if self.before else 1, self.weight)


def hook_of(obj: Object) -> Hook | None:
    """The hook that an object is, None for an ordinary one; of test, delete and rollback hooks too."""
    events = hook_events(obj)
    if not events:
        return None
    return Hook(bool(events & _BEFORE), hook_weight(obj))


def rendered(request: ChartRequest, output: bytes | str, budget: Budget | None = None) -> Rendered:
    """The objects of a rendered chart, and what is reported of it.

    Left out is what its annotations exclude, hooks for tests, deletion and rollback, and hooks that are not for this
    rendering: those for upgrades alone run when the chart has changed, those for installs alone at its install; what
    they were before stays (``upgrade``). A Job or Pod that is a hook is marked to be made anew when it changes, as Helm
    does, and keeps no time to live, with which it would be run again and again. Raises ManifestError.
    """
    digest = request.digest
    found: list[Object] = []
    left_out: list[str] = []
    not_now: list[Object] = []
    definitions: list[str] = []
    of_crds_folder = _of_crds_folder(output, str(request))
    for document in documents.read(output, str(request), budget):
        obj = document.value
        events = hook_events(obj)
        if is_applied(obj) and not included(obj, document.place):
            left_out.append(name(obj))
        elif events and (events <= _NEVER_RUN or request.flags.no_hooks):
            left_out.append(_hook_name(obj, events))
        elif not events:
            found.append(_placed(obj, request, is_hook=False))
            if document.place.document in of_crds_folder and obj["kind"] == "CustomResourceDefinition":
                definitions.append(str(obj["metadata"].get("name")))
        elif not events & (INSTALL | UPGRADE):
            wrong = ", ".join(sorted(events - _NEVER_RUN))
            fix = 'mend the annotation, or annotate it kots.io/exclude: "true"'
            raise ManifestError(document.place, f"{name(obj)} is a hook that Helm does not know ({wrong}): {fix}")
        elif runs_now(events, digest, request.past):
            hook = for_this_rendering(_placed(obj, request, is_hook=True), request.past)
            found.append(hook if events & INSTALL else marked(hook, digest))
        else:
            left_out.append(_hook_name(obj, events))
            not_now.append(obj)
    return Rendered(sorted([*found, *kept_hooks(request.past, digest, not_now)], key=_order), left_out, definitions)


def _hook_name(obj: Object, events: frozenset[str]) -> str:
    return f"{name(obj)} ({', '.join(sorted(events))})"


def _order(obj: Object) -> tuple[int, int]:
    hook = hook_of(obj)
    return hook.order if hook else (0, 0)


def _placed(obj: dict[str, Any], request: ChartRequest, *, is_hook: bool) -> dict[str, Any]:
    metadata = dict(obj["metadata"])
    if request.namespace and not metadata.get("namespace") and group_kind(obj) not in CLUSTER_SCOPED:
        metadata["namespace"] = request.namespace
    if is_hook and group_kind(obj) in RUN_ONCE:
        metadata["annotations"] = {FORCE: "enabled", **metadata["annotations"]}
        spec = obj.get("spec")
        if isinstance(spec, dict) and "ttlSecondsAfterFinished" in spec:
            obj = {**obj, "spec": {key: value for key, value in spec.items() if key != "ttlSecondsAfterFinished"}}
    return {**obj, "metadata": metadata}


def _of_crds_folder(output: bytes | str, origin: str) -> frozenset[int]:
    """The numbers of the documents that are of a ``crds/`` folder: above each file Helm writes where it is from."""
    text = output if isinstance(output, str) else stream.decode(output, origin)
    if "/crds/" not in text:
        return frozenset()
    found, inside = set(), False
    for chunk in documents.chunks(text, origin):
        source = _SOURCE.match(chunk.text)
        if source is not None:
            inside = _CRDS_FILE.match(source[1]) is not None
        if inside:
            found.add(chunk.number)
    return frozenset(found)

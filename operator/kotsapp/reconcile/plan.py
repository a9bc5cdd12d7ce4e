"""From a release's objects and the images' routes to the objects that are applied. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.dependencies import defined
from kotsapp.apply.ignored import IgnoredField
from kotsapp.apply.inventory import NEVER_PRUNED, says_kept
from kotsapp.apply.normalize import RUN_ONCE, left_open, normalized, scaled_by_others
from kotsapp.apply.policy import misleading, refusal
from kotsapp.images.image_path import ImagePath, Step
from kotsapp.images.podspec import built_in_pod_spec, find_images
from kotsapp.images.rewrite import Pull, rewrite
from kotsapp.kube.objects import ObjectKey, key_of
from kotsapp.names import PRUNE_ANNOTATION
from kotsapp.reconcile.app import App

# Each object has an entry in status.inventory, and the API server stores at most 1.5 MiB of one object.
MAX_OBJECTS = 4000
MAX_SHOWN = 5

Object = Mapping[str, Any]


class PlanError(ValueError):
    """The objects can't be applied together; the message names the first of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = f"; and {len(problems) - MAX_SHOWN} more" if len(problems) > MAX_SHOWN else ""
        super().__init__("; ".join(problems[:MAX_SHOWN]) + more)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to apply: ``objects`` without the pull secrets, and the namespaces in which pods need one.

    ``as_written`` are those that run once, before their images are rewritten: another route for what has run already
    is no reason to run it again. ``left_open`` are the fields that are somebody else's, by object.
    """

    objects: tuple[Object, ...]
    secret_namespaces: tuple[str, ...]
    as_written: Mapping[ObjectKey, Object] = field(default_factory=dict)
    left_open: Mapping[ObjectKey, Sequence[Sequence[Step]]] = field(default_factory=dict)

    @property
    def keys(self) -> list[ObjectKey]:
        return [key_of(obj) for obj in self.objects]


def use_names(objects: Iterable[Object], image_paths: Sequence[ImagePath]) -> dict[str, list[str]]:
    """Every distinct image with the ``Kind/name`` of what uses it, in the objects' order."""
    uses: dict[str, list[str]] = {}
    for obj in objects:
        name = f"{obj.get('kind')}/{(obj.get('metadata') or {}).get('name')}"
        for use in find_images(obj, image_paths):
            users = uses.setdefault(use.image, [])
            if name not in users:
                users.append(name)
    return uses


def place(obj: Object, namespace: str, namespaced: bool) -> Object:
    """The object in its namespace: the app's own where it names none; none at all for a cluster-scoped kind."""
    metadata = obj.get("metadata") or {}
    current = metadata.get("namespace")
    if namespaced and not current:
        return {**obj, "metadata": {**metadata, "namespace": namespace}}
    if not namespaced and current:
        return {**obj, "metadata": {k: v for k, v in metadata.items() if k != "namespace"}}
    return obj


def scope_in(objects: Iterable[Object]) -> Callable[[str, str], bool | None]:
    """Whether a kind is namespaced by the CustomResourceDefinitions among the objects; None when none defines it."""
    scopes = {
        defined(obj): (obj.get("spec") or {}).get("scope") != "Cluster"
        for obj in objects
        if obj.get("kind") == "CustomResourceDefinition"
    }
    return lambda group, kind: scopes.get((group, kind))


def make_plan(
    objects: Sequence[Object],
    pulls: Mapping[str, Pull],
    secret_name: str,
    image_paths: Sequence[ImagePath],
    app: App,
    *,
    lend_rights: bool,
    ignored: Sequence[IgnoredField] = (),
) -> Plan:
    """Rewrite, label and own every object; raises PlanError. Fields that are ``ignored`` are left out.

    ``lend_rights`` says that the operator's own rights are used, which are lent to nothing outside its bounds.
    """
    if len(objects) > MAX_OBJECTS:
        raise PlanError([f"the manifests hold {len(objects)} objects, more than {MAX_OBJECTS}; split the app"])
    accounts = {key_of(o).name for o in objects if key_of(o).group_kind == ("", "ServiceAccount")}
    problems: list[str] = []
    seen: set[tuple[str, str, str, str]] = set()
    planned: list[Object] = []
    as_written: dict[ObjectKey, Object] = {}
    opened: dict[ObjectKey, Sequence[Sequence[Step]]] = {}
    scaled = scaled_by_others(objects, app.namespace)
    namespaces: set[str] = set()
    for obj in objects:
        key = key_of(obj)
        if key.identity in seen:
            problems.append(f"{key.within(app.namespace)} is defined twice in the manifests")
        seen.add(key.identity)
        pod_spec = built_in_pod_spec(obj)
        problem = misleading(obj, app.labels)
        if problem is None and lend_rights:
            problem = refusal(obj, [pod_spec] if pod_spec else [], app.namespace, accounts)
        if problem is not None:
            problems.append(problem)
            continue
        if any(pulls[use.image].needs_secret for use in find_images(obj, image_paths) if use.image in pulls):
            namespaces.add(key.namespace or app.namespace)
        if open_fields := left_open(key, scaled, ignored):
            opened[key] = open_fields
        normal = normalized(obj, open_fields)
        planned.append(own(rewrite(normal, pulls, secret_name, image_paths), app))
        if key.group_kind in RUN_ONCE:
            as_written[key] = own(normal, app)
    if problems:
        raise PlanError(problems)
    return Plan(tuple(planned), tuple(sorted(namespaces)), as_written, opened)


def own(obj: Object, app: App) -> Object:
    """The object with the app's label pair, and with its owner where Kubernetes' garbage collector may act on it."""
    key = key_of(obj)
    metadata = dict(obj["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), **app.labels}
    if (
        key.namespace == app.namespace
        and key.group_kind not in NEVER_PRUNED
        and not says_kept(metadata, PRUNE_ANNOTATION)
    ):
        metadata["ownerReferences"] = [app.owner_reference]
    return {**obj, "metadata": metadata}

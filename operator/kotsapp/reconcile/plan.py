"""From a release's objects and the images' routes to the objects that are applied. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kotsapp.api.spec import Spec
from kotsapp.apply.dependencies import defined
from kotsapp.apply.inventory import NEVER_PRUNED, says_kept
from kotsapp.apply.lending import Lent, Loan
from kotsapp.apply.normalize import RUN_ONCE, left_open, normalized, scaled_by_others
from kotsapp.apply.plan import Phase, Plan
from kotsapp.apply.policy import Withheld, misleading, refusal
from kotsapp.images.accounts import NO_SECRETS, Account, by_namespace
from kotsapp.images.finder import find_images
from kotsapp.images.podspec import built_in_pod_spec
from kotsapp.images.rewrite import Pull, rewrite
from kotsapp.images.routing import Domains
from kotsapp.kube.objects import Identity, ObjectKey, key_of
from kotsapp.names import PRUNE_ANNOTATION
from kotsapp.pullsecret import pull_secret
from kotsapp.reconcile.app import App
from kotsapp.reconcile.granting import ways_out
from kotsapp.release import order
from kotsapp.release.reader import Release
from kotsapp.text import grouped

# Each object has an entry in status.inventory, and the API server stores at most 1.5 MiB of one object.
MAX_OBJECTS = 4000
MAX_SHOWN = 5

Object = Mapping[str, Any]


class PlanError(ValueError):
    """The objects can't be applied together; the message names the first of them."""

    def __init__(self, problems: Sequence[str], places: Mapping[str, str] | None = None, advice: str = "") -> None:
        super().__init__(grouped(problems, MAX_SHOWN, places or {}) + advice)


class PullSecretNameError(ValueError):
    """The manifests bring an object that has the pull secret's name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the manifests bring a Secret {name} of their own, which is the pull secret's name; rename theirs or set"
            " spec.pullSecret.name"
        )


@dataclass(frozen=True, slots=True)
class PullSecrets:
    """The pull secrets of an app: one of this name in each namespace whose pods need it."""

    name: str
    license_id: str = field(repr=False)
    domains: Domains

    def of(self, namespace: str, app: App) -> dict[str, Any]:
        """The one of this namespace."""
        return pull_secret(self.name, namespace, self.license_id, self.domains, app.labels)


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
    release: Release,
    pulls: Mapping[str, Pull],
    pull_secrets: PullSecrets,
    app: App,
    spec: Spec,
    account_secrets: Mapping[Account, Sequence[str]] | None = None,
    lent: Lent = Lent.WORKLOADS,
) -> Plan:
    """Rewrite, label and own every object, and add the pull secret wherever pods need it (DESIGN 3).

    ``pulls`` are the images' routes by the reference as written. ``account_secrets`` are the pull secrets that the
    pods' accounts carry, which pods keep. Without an account the operator's own rights are used, which are lent as far
    as ``lent`` says. Raises PlanError, and PullSecretNameError when an object has the pull secret's name.
    """
    keys = [key_of(obj) for obj in release.objects]
    places = release.places or ("",) * len(keys)
    _check(release.objects, places, app, spec, lent)
    scaled = scaled_by_others(release.objects, app.namespace)
    opened = {key: fields for key in keys if (fields := left_open(key, scaled, spec.ignore_fields))}
    normal = [normalized(obj, opened.get(key, ())) for key, obj in zip(keys, release.objects, strict=True)]
    carried = by_namespace(account_secrets or {})
    planned = [
        own(rewrite(obj, pulls, pull_secrets.name, spec.image_paths, carried.get(key.namespace, NO_SECRETS)), app)
        for key, obj in zip(keys, normal, strict=True)
    ]
    namespaces = _namespaces_with_secret(release, pulls, app, spec)
    secrets = [own(pull_secrets.of(namespace, app), app) for namespace in namespaces]
    exclusive = frozenset(map(key_of, secrets))
    present = {key.identity for key in keys}
    if any(key.identity in present for key in exclusive):
        raise PullSecretNameError(pull_secrets.name)
    missing = [
        own(made, app) for made in map(_namespace, _additional(release, spec)) if key_of(made).identity not in present
    ]
    try:
        phases = _phases(release, planned, [*missing, *secrets])
        deleted = {
            key: phase for key, obj in zip(keys, release.objects, strict=True) if (phase := order.deletion_phase(obj))
        }
    except order.OrderError as error:
        raise PlanError([str(error)]) from None
    return Plan(
        phases,
        exclusive,
        as_written={key: own(obj, app) for key, obj in zip(keys, normal, strict=True) if key.group_kind in RUN_ONCE},
        left_open=opened,
        if_absent=_if_absent(release.definitions, keys, missing),
        deletion_phases=deleted,
        places={key: where for key, where in zip(keys, places, strict=True) if where},
    )


def _additional(release: Release, spec: Spec) -> tuple[str, ...]:
    """Namespaces that the Application names, none without an account: the operator's own rights make nothing
    elsewhere."""
    return release.application.additional_namespaces if spec.service_account is not None else ()


def _namespaces_with_secret(release: Release, pulls: Mapping[str, Pull], app: App, spec: Spec) -> list[str]:
    """The namespaces that get the pull secret, in order."""
    # Calls may have put its name anywhere, and pods of others need it whoever makes them.
    is_expected = release.asks_for_pull_secret or spec.pods.route
    found = {*_additional(release, spec), *([app.namespace] if is_expected else ())}
    for obj in release.objects:
        if any(pulls[use.image].needs_secret for use in find_images(obj, spec.image_paths) if use.image in pulls):
            found.add(key_of(obj).namespace or app.namespace)
    return sorted(found)


def _if_absent(
    definitions: Iterable[str], keys: Iterable[ObjectKey], namespaces: Iterable[Object]
) -> frozenset[ObjectKey]:
    """Objects that are made where there are none, and never changed: charts' ``definitions``, by name, and the
    ``namespaces`` that the manifests don't bring."""
    names = frozenset(definitions)
    defining = (key for key in keys if key.kind == "CustomResourceDefinition" and key.name in names)
    return frozenset((*defining, *map(key_of, namespaces)))


def _check(objects: Sequence[Object], places: Sequence[str], app: App, spec: Spec, lent: Lent) -> None:
    """Raises PlanError for objects that can't be applied, or not with the operator's own rights, and for doubles.

    ``places`` say where the manifests have each of the ``objects``, empty where nobody knows.
    """
    if len(objects) > MAX_OBJECTS:
        raise PlanError([f"the manifests hold {len(objects)} objects, more than {MAX_OBJECTS}; split the app"])
    loan = Loan.to(objects, lent)
    problems: list[str] = []
    withheld: list[Withheld] = []
    places_of: dict[str, str] = {}
    first_at: dict[Identity, str] = {}
    for obj, where in zip(objects, places, strict=True):
        key = key_of(obj)
        if key.identity in first_at:
            problems.append(f"{key.within(app.namespace)} is defined twice in the manifests")
            places_of |= _joined(problems[-1], first_at[key.identity], where)
        first_at.setdefault(key.identity, where)
        problem = misleading(obj, app.labels)
        if problem is None and spec.service_account is None:
            pod_spec = built_in_pod_spec(obj)
            refused = refusal(obj, [pod_spec] if pod_spec else [], app.namespace, loan)
            withheld += [refused] if refused else []
            problem = str(refused) if refused else None
        if problem is not None:
            problems.append(problem)
            places_of |= _joined(problem, where)
    if problems:
        raise PlanError(problems, places_of, ways_out(app.namespace, withheld))


def _joined(problem: str, *places: str) -> dict[str, str]:
    shown = " and ".join(dict.fromkeys(filter(None, places)))
    return {problem: shown} if shown else {}


def _phases(release: Release, planned: Sequence[Object], before: Sequence[Object]) -> tuple[Phase, ...]:
    """The release's objects as they are planned, in their order; ``before`` come first of all. Raises OrderError."""
    keys = [key_of(obj) for obj in planned]
    stages = order.stages(release.objects, release.chart_numbers or (0,) * len(planned))
    made = [
        Phase(
            tuple(planned[n] for n in stage.objects),
            frozenset(keys[n] for n in stage.ran),
            frozenset(keys[n] for n in stage.ready),
            {keys[n]: properties for n, properties in stage.properties.items()},
        )
        for stage in stages
    ]
    if before:
        first, *others = made or [Phase(())]
        made = [replace(first, objects=(*before, *first.objects)), *others]
    return tuple(made)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


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

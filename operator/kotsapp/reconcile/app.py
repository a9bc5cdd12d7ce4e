"""The KotsApp that is being reconciled, as the API server last showed it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.apply.inventory import Marks
from kotsapp.apply.ownership import Applicant
from kotsapp.fair_queue import Tenant
from kotsapp.kube.client import FIELD_MANAGER
from kotsapp.kube.objects import Owner
from kotsapp.names import (
    ADOPT_ANNOTATION,
    API_VERSION,
    FINALIZER,
    KIND,
    NAME_LABEL,
    NAMESPACE_LABEL,
    PRUNE_ANNOTATION,
    RENDER_ANNOTATION,
    REQUESTS,
)


@dataclass(frozen=True, slots=True)
class App:
    """Identity and spec of one KotsApp.

    ``requested`` are the annotations that ask for a fresh probe, by the status field in which each is answered;
    ``version`` is the resourceVersion, which grows with every change; ``has_finalizer`` says that our finalizer is
    there, so that the resource can't go before what is applied for it. ``adopt`` names those whose objects are taken
    over, None for the usual ones. ``render_at`` asks for a new rendering of the release with each new value.
    ``names_account`` is False where ``spec`` has the operator's default account, as it names none of its own.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Mapping[str, Any]
    requested: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    has_finalizer: bool = False
    adopt: str | None = None
    render_at: str = ""
    names_account: bool = True

    @classmethod
    def of(cls, body: Mapping[str, Any], default_account: str = "") -> "App":
        """``default_account`` is the ServiceAccount of an app whose spec names none: ``--default-service-account``."""
        metadata = body["metadata"]
        spec = body.get("spec") or {}
        names_account = not default_account or "serviceAccountName" in spec
        annotations = metadata.get("annotations") or {}
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=int(metadata.get("generation") or 0),
            spec=spec if names_account else {**spec, "serviceAccountName": default_account},
            requested={answer: str(annotations[name]) for name, answer in REQUESTS.items() if annotations.get(name)},
            version=int(version) if (version := str(metadata.get("resourceVersion"))).isdigit() else 0,
            has_finalizer=FINALIZER in (metadata.get("finalizers") or ()),
            adopt=annotations.get(ADOPT_ANNOTATION),
            render_at=str(annotations.get(RENDER_ANNOTATION) or ""),
            names_account=names_account,
        )

    @property
    def key(self) -> Owner:
        return Owner(self.namespace, self.name)

    @property
    def tenant(self) -> Tenant:
        """On whose behalf its work is done, where places are shared."""
        return Tenant(self.namespace, self.name)

    @property
    def suspended(self) -> bool:
        """Whether nothing is to be done about the app; the rest of the spec may be a bad one."""
        return self.spec.get("suspend") is True

    @property
    def account(self) -> str:
        """The ServiceAccount as which the app is applied, empty for the operator itself; the spec may be a bad one."""
        account = self.spec.get("serviceAccountName")
        return account if isinstance(account, str) else ""

    @property
    def account_named(self) -> str:
        """The account as messages name it, with the place where a person would change it."""
        return f"{'spec.serviceAccountName' if self.names_account else '--default-service-account'} {self.account}"

    @property
    def applicant(self) -> Applicant:
        """Who applies, and how the app's objects are known."""
        return Applicant(
            self.key, Marks(self.labels, self.uid, PRUNE_ANNOTATION, FIELD_MANAGER), self.account, self.adopt
        )

    @property
    def labels(self) -> dict[str, str]:
        """What every object of the app carries, and nothing of the app's own labels: GitOps tools would claim it."""
        return {NAMESPACE_LABEL: self.namespace, NAME_LABEL: self.name}

    @property
    def owner_reference(self) -> dict[str, Any]:
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "blockOwnerDeletion": False,
        }

    @property
    def regarding(self) -> dict[str, str]:
        """The object that events are about."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }

"""Who may do what, and the reviews that tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.fakekube import answers
from harness.fakekube.requests import Call, Target

_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Denial:
    """What is not allowed; None stands for any. ``user`` is whom requests are made as, ``verb`` one of RBAC's."""

    user: str | None = None
    verb: str | None = None
    resource: str | None = None
    namespace: str | None = None
    name: str | None = None

    def covers(self, user: str, verb: str, resource: str, namespace: str, name: str) -> bool:
        wanted = (self.user, self.verb, self.resource, self.namespace, self.name)
        return all(a in (None, b) for a, b in zip(wanted, (user, verb, resource, namespace, name), strict=True))


@dataclass(slots=True)
class Rights:
    """Everything is allowed but what ``denials`` cover; ``user`` is who doesn't impersonate."""

    EVERYTHING: ClassVar[str] = "\0"  # the test itself
    user: str = f"{_ACCOUNT}kotsapp-system:kotsapp-operator"
    denials: list[Denial] = field(default_factory=list)

    def deny(
        self,
        *,
        user: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
    ) -> Denial:
        """``resource`` is a plural such as ``configmaps``. What is denied can be taken back with ``allow``."""
        denial = Denial(user, verb, resource, namespace, name)
        self.denials.append(denial)
        return denial

    def allow(self, denial: Denial) -> None:
        self.denials.remove(denial)

    def check(self, user: str | None, verb: str, target: Target) -> None:
        """Raises RefusedError for what the user may not do."""
        if user == self.EVERYTHING:
            return
        if user is not None:
            self._check_impersonation(user)
        kind, who = target.kind, user or self.user
        if not self._denied(who, verb, kind.plural, target.namespace, target.name):
            return
        resource = f"{kind.plural}/{target.subresource}" if target.subresource else kind.plural
        place = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        named = f'{kind.qualified} "{target.name}"' if target.name else kind.qualified
        message = f'{named} is forbidden: User "{who}" cannot {verb} resource "{resource}"'
        message += f' in API group "{kind.group}" {place}'
        details = {"name": target.name, "group": kind.group, "kind": kind.plural}
        raise answers.refused(403, message, details={k: v for k, v in details.items() if v})

    def review(self, call: Call) -> dict[str, Any] | None:
        """The answer to a review of one's own rights or name; None for other calls."""
        if call.method != "POST" or not isinstance(call.body, Mapping):
            return None
        who = call.user or self.user
        if call.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
            return {**call.body, "status": {"userInfo": {"username": who}}}
        if call.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            asked = call.body["spec"]["resourceAttributes"]
            place = (asked.get("namespace") or "", asked.get("name") or "")
            denied = self._denied(who, asked["verb"], asked["resource"], *place)
            return {**call.body, "status": {"allowed": not denied}}
        return None

    def _check_impersonation(self, user: str) -> None:
        account = user.removeprefix(_ACCOUNT)
        if account == user:
            return
        namespace, _, name = account.partition(":")
        if self._denied(self.user, "impersonate", "serviceaccounts", namespace, name):
            message = (
                f'serviceaccounts "{name}" is forbidden: User "{self.user}" cannot impersonate resource'
                f' "serviceaccounts" in API group "" in the namespace "{namespace}"'
            )
            raise answers.refused(403, message, details={"name": name, "kind": "serviceaccounts"})

    def _denied(self, who: str, verb: str, resource: str, namespace: str, name: str) -> bool:
        return any(denial.covers(who, verb, resource, namespace, name) for denial in self.denials)

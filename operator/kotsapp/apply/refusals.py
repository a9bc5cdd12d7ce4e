"""The API server's no to objects, and what of its words may be shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from kotsapp.kube.errors import ApiError
from kotsapp.kube.objects import GroupKind, ObjectKey
from kotsapp.text import grouped

MAX_SHOWN_REFUSALS = 5
# Behind this come the words of an admission webhook or policy.
DENIAL = re.compile(r"denied (?:the )?request")
_SECRET, _NAMESPACE = GroupKind("", "Secret"), GroupKind("", "Namespace")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server's no to one object."""

    key: ObjectKey
    message: str
    transient: bool
    forbidden: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


@dataclass(frozen=True, slots=True)
class StillThere(Refusal):
    """A custom resource whose finalizers hold it: what handles them must not be deleted before."""


class RefusedError(Exception):
    """Objects were refused; the message names the first of them."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(grouped(map(str, refusals), MAX_SHOWN_REFUSALS))
        self.refusals = tuple(refusals)

    def message(self, places: Mapping[ObjectKey, str]) -> str:
        """The message, with where the objects stand in the manifests."""
        by_problem = {str(one): places[one.key] for one in self.refusals if one.key in places}
        return grouped(map(str, self.refusals), MAX_SHOWN_REFUSALS, by_problem)

    def with_others(self, refusals: Sequence[Refusal]) -> "RefusedError":
        """The same, and those of ``refusals`` whose objects are not among them."""
        known = {refusal.key for refusal in self.refusals}
        return RefusedError([*self.refusals, *(refusal for refusal in refusals if refusal.key not in known)])

    @property
    def transient(self) -> bool:
        return all(refusal.transient for refusal in self.refusals)


class LingeringError(Exception):
    """A deleted object is held by finalizers; the message names them."""


class UnchangeableError(ApiError):
    """The live object can't become what is wanted; the message names the fields, never a value."""


def explain(error: ApiError, key: ObjectKey, *, quoting: bool = True) -> str:
    """The message for one object; of a Secret, and where ``quoting`` is False, without what may quote its content."""
    if (key.group_kind == _SECRET or not quoting) and not isinstance(error, UnchangeableError):
        return _without_values(error) + _remedy(error, key)
    return error.message + _remedy(error, key)


def _remedy(error: ApiError, key: ObjectKey) -> str:
    """What to do about a namespace that is missing."""
    if error.status == HTTPStatus.NOT_FOUND and key.namespace and error.message.startswith("namespaces "):
        return f"; create it: kubectl create namespace {key.namespace}"
    if error.status == HTTPStatus.FORBIDDEN and key.group_kind == _NAMESPACE:
        return f"; create it (kubectl create namespace {key.name}), or let the account do so"
    return ""


def _without_values(error: ApiError) -> str:
    """What the API server says about an object, less what may quote its content."""
    denied = DENIAL.search(error.message)
    if denied:
        return f"{error.message[: denied.end()]} (its words are left out: they may quote a Secret)"
    if error.invalid:
        return "the API server finds it invalid" + (f" at {', '.join(error.fields)}" if error.fields else "")
    return error.message

"""Whose an object is, who waits for it, and what is told to whom."""

from typing import Any

from kotsapp.apply.cache import OwnedObjects
from kotsapp.kube.objects import ObjectKey, Owner

A, B, C = ("apps", "a"), ("apps", "b"), ("apps", "c")


def key(name: str) -> ObjectKey:
    return ObjectKey("v1", "ConfigMap", "apps", name)


class Woken(list[Owner]):
    """Owners that were told of a change, until ``take``."""

    def take(self) -> list[Owner]:
        woken = sorted(self)
        self.clear()
        return woken


def watching() -> tuple[OwnedObjects, Woken]:
    woken = Woken()
    return OwnedObjects(("namespace", "name"), "prune", woken.append), woken


def live(owner: Owner, *, uid: str = "1", version: str = "1", fields: Any = None) -> dict[str, Any]:
    entry = {"manager": "kotsapp", "operation": "Apply", "fieldsV1": fields or {"f:data": {}}}
    labels = {"namespace": owner[0], "name": owner[1]}
    return {"metadata": {"uid": uid, "resourceVersion": version, "labels": labels, "managedFields": [entry]}}


def test_objects_are_reserved_together_or_not_at_all() -> None:
    owned, _ = watching()
    assert owned.reserve(A, [key("one"), key("two")]) == {}

    assert owned.reserve(B, [key("two"), key("three")]) == {key("two"): A}

    assert owned.reserve(C, [key("three")]) == {}
    owned.release(A)
    assert owned.reserve(B, [key("two")]) == {}


def test_who_waits_is_told_when_the_holder_lets_go_and_nobody_else_is() -> None:
    owned, woken = watching()
    owned.reserve(A, [key("one")])
    owned.await_release(B, {key("one"): A})
    owned.await_release(C, {key("one"): ("apps", "other")})

    owned.release(A)

    assert woken.take() == [B]
    owned.release(A)
    assert woken.take() == [], "once"


def test_two_that_wait_for_a_third_do_not_wake_each_other() -> None:
    owned, woken = watching()
    owned.note(live(A), key("one"))
    for waiting in (B, C):
        owned.reserve(waiting, [key("one")])
        owned.release(waiting)
        owned.await_release(waiting, {key("one"): A})

    assert woken.take() == []
    owned.forget_owner(A)
    assert woken.take() == [B, C]


def test_an_object_that_changes_hands_is_told_to_who_lost_it() -> None:
    owned, woken = watching()
    owned.note(live(A), key("one"))
    woken.take()

    owned.note(live(B, version="2"), key("one"))

    assert woken.take() == [A]
    found = owned.get(key("one"))
    assert found is not None
    assert found.owner == B


def test_an_answer_older_than_what_the_watch_showed_is_not_taken_for_the_newest() -> None:
    owned, woken = watching()
    owned.note(live(A, version="5", fields={"f:data": {"f:theirs": {}}}), key("one"))
    woken.take()

    owned.note(live(A, version="4"), key("one"))

    assert woken.take() == [A], "somebody changed it since"
    found = owned.get(key("one"))
    assert found is not None
    assert found.version == 5


def test_nothing_is_kept_of_an_app_that_is_gone() -> None:
    owned, _ = watching()
    owned.note(live(A), key("one"))
    owned.note(live(B), key("two"))

    owned.forget_owner(A)

    assert owned.get(key("one")) is None
    assert len(owned) == 1

"""Frozen values behave as the standard library's frozen dataclasses do."""

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from kotsapp.frozen import frozen


@frozen
class Value:
    name: str
    size: int = 1
    inside: dict[str, int] = field(default_factory=dict, compare=False)
    secret: str = field(default="", repr=False)
    title: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", f"{self.name} of {self.size}")


@dataclass(frozen=True, slots=True)
class Standard:
    name: str
    size: int = 1
    inside: dict[str, int] = field(default_factory=dict, compare=False)
    secret: str = field(default="", repr=False)
    title: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", f"{self.name} of {self.size}")


@frozen
class Named:
    """Compared by a method of its own."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


@frozen
class Nothing:
    pass


BOTH = pytest.mark.parametrize("made", [Value, Standard])


@BOTH
def test_fields_are_given_by_place_and_by_name_and_have_defaults(made: Callable[..., Any]) -> None:
    one = made("a", size=2)
    assert (one.name, one.size, one.inside, one.secret, one.title) == ("a", 2, {}, "", "a of 2")
    assert one.inside is not made("a").inside
    for wrong in ((), ("a", 1, {}, "", "title"), (1, 2, 3, 4, 5, 6)):
        with pytest.raises(TypeError):
            made(*wrong)
    with pytest.raises(TypeError):
        made("a", other=1)


@BOTH
def test_it_is_equal_and_hashed_by_what_is_compared(made: Callable[..., Any]) -> None:
    assert made("a", inside={"b": 1}) == made("a")
    assert len({made("a", inside={"b": 1}), made("a"), made("b")}) == 2
    assert made("a") != made("a", secret="s")
    assert made("a") != ("a", 1, "")


def test_it_is_not_equal_to_another_class_of_the_same_fields() -> None:
    assert Value("a") != Standard("a")


@BOTH
def test_it_prints_its_fields_and_no_secret(made: Any) -> None:
    assert repr(made("a", secret="s")) == f"{made.__name__}(name='a', size=1, inside={{}})"


@BOTH
def test_nothing_of_it_can_be_changed(made: Callable[..., Any]) -> None:
    one = made("a")
    with pytest.raises(FrozenInstanceError):
        one.name = "b"
    with pytest.raises(FrozenInstanceError):
        del one.name
    assert not hasattr(one, "__dict__")


@BOTH
def test_it_is_a_dataclass(made: Any) -> None:
    assert is_dataclass(made)
    assert [one.name for one in fields(made)] == ["name", "size", "inside", "secret", "title"]
    assert replace(made("a"), size=3).title == "a of 3"
    assert list(inspect.signature(made).parameters) == ["name", "size", "inside", "secret"]
    match made("a", 4):
        case Value(name, size) | Standard(name, size):
            assert (name, size) == ("a", 4)


@BOTH
def test_it_is_copied_and_pickled(made: Callable[..., Any]) -> None:
    one = made("a", 2, {"b": 1})
    for other in (copy.deepcopy(one), copy.copy(one), pickle.loads(pickle.dumps(one))):
        assert (other, other.inside, other.title) == (one, {"b": 1}, "a of 2")


def test_methods_of_its_own_are_kept() -> None:
    assert Named("A") == Named("a")
    assert len({Named("A"), Named("a")}) == 1


def test_it_may_have_no_field() -> None:
    assert Nothing() == Nothing()
    assert repr(Nothing()) == "Nothing()"
    assert len({Nothing(), Nothing()}) == 1

"""Frozen values: what ``@dataclass(frozen=True, slots=True)`` makes, made by one compilation instead of seven.

The standard library compiles each method of each class by itself, which takes about half a millisecond a class. A
command loads ninety of them, and a person waits for it; only ``__init__`` has to be written for a class. What is made
is a dataclass for ``fields``, ``replace`` and whoever else asks.
"""

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """The class as a frozen dataclass with slots. ``compare``, ``repr``, ``init`` and defaults of fields count, and
    ``__post_init__``; a method that the class has itself is kept."""
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # where there is none, dataclass writes out the signature, which takes longest
    own = {"__eq__", "__hash__", "__repr__"} & vars(cls).keys()
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    methods = {**_METHODS, "__init__": _init(made), "_compared": _compared(made)}
    for name in methods.keys() - own:
        setattr(made, name, methods[name])
    return made


def _init(cls: type[Any]) -> Callable[..., None]:
    parameters, lines = ["self"], []
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    for one in fields(cls):
        value = name = one.name
        if one.default_factory is not MISSING:
            known[f"_{name}_factory"] = one.default_factory
            value = f"_{name}_factory() if {name} is _missing else {name}"
            parameters.append(f"{name}=_missing")
        elif one.default is not MISSING:
            known[f"_{name}_default"] = one.default
            parameters.append(f"{name}=_{name}_default")
        else:
            parameters.append(name)
        if one.init:
            lines.append(f" _set(self, {name!r}, {value})")
        else:  # __post_init__ sets it
            parameters.pop()
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines, " return"]), known)  # noqa: S102 - names of fields
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {one.name: one.type for one in fields(cls) if one.init}
    return made


def _compared(cls: type[Any]) -> Callable[[Any], Any]:
    """What is equal where two of the class are: a function of C's, since sets and dictionaries call it all the time."""
    names = [one.name for one in fields(cls) if one.compare]
    return attrgetter(*names) if names else staticmethod(lambda _: ())


def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _refuse(_self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"cannot change field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_METHODS: dict[str, Any] = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}

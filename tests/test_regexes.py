"""Patterns that are compiled when they are first used."""

import copy
import pickle
import re

import pytest

from kotsapp.regexes import LazyPattern, compile_all, regex


def test_it_does_what_a_compiled_pattern_does() -> None:
    made = regex(r"(a)(b)?", re.IGNORECASE)
    found = made.fullmatch("AB")
    assert found is not None
    assert found.groups() == ("A", "B")
    assert (made.sub("x", "abc"), made.pattern, made.groups) == ("xc", r"(a)(b)?", 2)
    assert [one[0] for one in made.finditer("ab a")] == ["ab", "a"]
    assert regex(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_nothing_is_compiled_before_it_is_used() -> None:
    made = regex("(")
    with pytest.raises(re.error):
        made.search("")
    LazyPattern._all.pop()


def test_it_is_no_more_than_a_pattern() -> None:
    made = regex("a")
    assert not hasattr(made, "nothing")
    assert copy.deepcopy(made).search("a")
    assert pickle.loads(pickle.dumps(made)).search("a")


def test_all_can_be_compiled_at_once() -> None:
    made = regex("a")
    assert "_compiled" not in vars(made)
    compile_all()
    assert "_compiled" in vars(made)
    assert isinstance(made, LazyPattern)

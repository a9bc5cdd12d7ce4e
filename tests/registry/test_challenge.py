"""Reading WWW-Authenticate headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotsapp.registry.challenge import Challenge, parse
from kotsapp.registry.limits import MAX_CHALLENGE, MAX_CHALLENGES

BEARER = Challenge(
    "bearer", {"realm": "https://auth.example/token", "service": "registry", "scope": "repository:a:pull"}
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        ([" , ,"], []),
        (['Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull"'], [BEARER]),
        (['bEARER  SCOPE="repository:a:pull" , Service="registry",rEALM="https://auth.example/token"'], [BEARER]),
        (["Bearer realm=https://auth.example/token,service=registry,scope=repository:a:pull"], [BEARER]),
        (['Bearer realm = "https://auth.example/token", service = registry, scope="repository:a:pull"'], [BEARER]),
        (["Basic"], [Challenge("basic")]),
        (['Basic realm="a, b"'], [Challenge("basic", {"realm": "a, b"})]),
        (['Basic realm="say \\"hi\\" \\\\"'], [Challenge("basic", {"realm": 'say "hi" \\'})]),
        (
            ['Basic realm="x", Bearer realm="y",service="z"'],
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"realm": "y", "service": "z"})],
        ),
        (
            ['Basic realm="x"', 'Bearer realm="y"'],
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"realm": "y"})],
        ),
        (
            ['Negotiate, Negotiate YII+a/b==, Bearer realm="y"'],
            [Challenge("negotiate"), Challenge("negotiate"), Challenge("bearer", {"realm": "y"})],
        ),
        (
            ['Bearer realm="y",scope="a:b:pull,push c:d:pull"'],
            [Challenge("bearer", {"realm": "y", "scope": "a:b:pull,push c:d:pull"})],
        ),
        (['Bearer realm="first",realm="second"'], [Challenge("bearer", {"realm": "first"})]),
        (['Bearer realm="never ends'], [Challenge("bearer")]),
        (
            ['Bearer realm="a" junk "b", service="s"'],
            [Challenge("bearer", {"realm": "a"}), Challenge("junk", {"service": "s"})],
        ),
        (['realm="no scheme", Basic realm="x"'], [Challenge("basic", {"realm": "x"})]),
        (["Bearer realm=,service=s"], [Challenge("bearer", {"service": "s"})]),
        (['Bearer\trealm="tab"'], [Challenge("bearer", {"realm": "tab"})]),
    ],
)
def test_headers(headers: list[str], expected: list[Challenge]) -> None:
    assert list(parse(headers)) == expected


TOKEN = st.text(st.sampled_from("abcXYZ019-_.~"), min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
CHALLENGES = st.lists(
    st.tuples(TOKEN, st.dictionaries(TOKEN.map(str.lower), VALUE, min_size=1, max_size=4)), min_size=1, max_size=4
)


def written(scheme: str, parameters: dict[str, str]) -> str:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())


@given(CHALLENGES, st.booleans())
def test_what_was_written_is_read(challenges: list[tuple[str, dict[str, str]]], one_header: bool) -> None:
    headers = [written(scheme, parameters) for scheme, parameters in challenges]
    found = parse([", ".join(headers)] if one_header else headers)

    assert [(one.scheme, one.parameters) for one in found] == [
        (scheme.lower(), parameters) for scheme, parameters in challenges
    ]


@given(st.lists(st.text(st.sampled_from('Bearer Basic realm="\\,=/ \t;x'), max_size=200), max_size=4))
def test_no_header_is_too_odd(headers: list[str]) -> None:
    found = parse(headers)

    assert len(found) <= MAX_CHALLENGES
    assert all(one.scheme and one.scheme == one.scheme.lower() for one in found)


def test_many_challenges_are_bounded() -> None:
    assert len(parse(["Basic," * 1000] * 10)) == MAX_CHALLENGES


def test_what_all_headers_hold_together_is_bounded() -> None:
    long = "=," * (MAX_CHALLENGE // 2)

    assert parse([long, "Basic realm=x"]) == ()
    assert [one.scheme for one in parse([long[:100], "Basic realm=x"])] == ["basic"]

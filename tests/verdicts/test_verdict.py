"""The decision table: from the answer that decides to the verdict."""

import pytest

from kotsapp.registry.evidence import Evidence, Login, NoAnswer, Stage, Trouble, error_code
from kotsapp.verdicts.probe_result import decide, decide_trouble
from kotsapp.verdicts.verdict import Verdict

M, T = Stage.MANIFEST, Stage.TOKEN


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence(M, "h", 200, is_manifest=True), Verdict.PUBLIC),
        (Evidence(M, "h", 200), Verdict.UNREACHABLE),
        (Evidence(M, "h", 401, login=Login.BASIC), Verdict.PRIVATE),
        (Evidence(M, "h", 401, login=Login.NONE), Verdict.PRIVATE),
        (Evidence(M, "h", 401, login=Login.UNUSABLE), Verdict.PRIVATE),
        (Evidence(M, "h", 401, login=Login.BEARER), Verdict.PRIVATE),
        (Evidence(M, "h", 403, code="UNAUTHORIZED"), Verdict.PRIVATE),
        (Evidence(M, "h", 403, code="DENIED"), Verdict.PRIVATE),
        (Evidence(M, "h", 403, code="TOOMANYREQUESTS"), Verdict.ERROR),
        (Evidence(M, "h", 403), Verdict.ERROR),
        (Evidence(M, "h", 404), Verdict.NOT_FOUND),
        (Evidence(M, "h", 404, code="DENIED"), Verdict.NOT_FOUND),
        (Evidence(M, "h", 429), Verdict.RATE_LIMITED),
        (Evidence(M, "h", 400), Verdict.ERROR),
        (Evidence(M, "h", 406), Verdict.ERROR),
        (Evidence(M, "h", 204), Verdict.ERROR),
        (Evidence(M, "h", 304), Verdict.ERROR),
        (Evidence(M, "h", 500), Verdict.UNREACHABLE),
        (Evidence(M, "h", 503), Verdict.UNREACHABLE),
        (Evidence(T, "h", 401), Verdict.PRIVATE),
        (Evidence(T, "h", 403), Verdict.PRIVATE),
        (Evidence(T, "h", 404), Verdict.ERROR),
        (Evidence(T, "h", 400), Verdict.ERROR),
        (Evidence(T, "h", 429), Verdict.RATE_LIMITED),
        (Evidence(T, "h", 502), Verdict.UNREACHABLE),
    ],
)
def test_an_answer(evidence: Evidence, verdict: Verdict) -> None:
    decision = decide(evidence)

    assert decision.verdict is verdict
    assert decision.message.startswith("h ")


def test_a_token_services_answer_is_told_as_such() -> None:
    decision = decide(Evidence(T, "auth.docker.io", 403, registry="docker.io"))

    assert decision.message == "docker.io's token service auth.docker.io refused an anonymous token"


@pytest.mark.parametrize("trouble", Trouble)
def test_no_answer_is_never_a_verdict_on_the_image(trouble: Trouble) -> None:
    decision = decide_trouble(NoAnswer(trouble, "quay.io", "did not answer"))

    assert decision.verdict is (Verdict.PENDING if trouble is Trouble.QUEUED else Verdict.UNREACHABLE)
    assert decision.message == "quay.io did not answer"


def test_which_verdicts_decide() -> None:
    undecided = {verdict for verdict in Verdict if verdict.undecided}

    asked = {Verdict.NOT_FOUND, Verdict.RATE_LIMITED, Verdict.UNREACHABLE, Verdict.ERROR}
    assert undecided == {*asked, Verdict.PENDING}
    assert all(verdict.decisive is not verdict.undecided for verdict in Verdict)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("DENIED", "DENIED"),
        ("MANIFEST_UNKNOWN", "MANIFEST_UNKNOWN"),
        ("denied", None),
        ("", None),
        ("A" * 65, None),
        ("NO\nWAY", None),
        ("<b>", None),
        ("\u00c4", None),
        (401, None),
        (None, None),
        (["DENIED"], None),
    ],
)
def test_error_codes(value: object, code: str | None) -> None:
    assert error_code(value) == code

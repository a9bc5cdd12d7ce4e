"""What template calls draw at random is drawn once, and kept."""

from __future__ import annotations

import json

from harness.engine_texts import fill, filled

DRAWING = (
    "{{repl RandomString 20 }} {{repl RandomString 20 }} {{repl RandomBytes 8 }} {{repl uuidv4 }}"
    " {{repl randInt 1 900000 | add 1 }} {{repl randAlphaNum 12 | b64enc }} {{repl htpasswd `a` `b` }}"
    " {{repl $ca := genCA `ca` 365 }}{{repl $c := genSignedCert `a.b` nil (list `c.d`) 365 $ca }}"
    "{{repl $c.Cert | b64enc }} {{repl $ca.Key | b64enc }}"
    " {{repl TLSCert `n` `cn` nil nil 365 }} {{repl TLSKey `n` }} {{repl TLSCACert `n` 365 }}"
    " {{repl TLSCertFromCA `n` `x` `cn` nil nil 365 }} {{repl TLSKeyFromCA `n` `x` `cn` nil nil 365 }}"
)


def test_what_was_drawn_is_taken_again() -> None:
    first = fill(DRAWING)
    assert not first.failures
    kept = json.loads(json.dumps(first.drawn))
    again = fill(DRAWING, kept=kept)
    assert again.texts == first.texts
    assert again.drawn == first.drawn
    assert fill(DRAWING).texts != first.texts


def test_draws_of_the_same_kind_differ_and_a_certificate_of_a_name_does_not() -> None:
    parts = filled(DRAWING).split(" ")
    assert parts[0] != parts[1]
    pairs = filled("{{repl TLSCert `n` `cn` nil nil 9 }}|{{repl TLSCert `n` `cn` nil nil 9 }}").split("|")
    assert pairs[0] == pairs[1]


def test_one_draw_that_is_added_changes_no_other() -> None:
    kept = fill("a: {{repl RandomString 20 }}").drawn
    before = fill("a: {{repl RandomString 20 }}", kept=kept).texts["t0"]
    after = fill("b: {{repl RandomString 8 }}\na: {{repl RandomString 20 }}", kept=kept).texts["t0"]
    assert after.endswith(before)


def test_a_hash_of_another_password_is_made_anew() -> None:
    text = "{{repl htpasswd `admin` (ConfigOption `password`) }}"
    kept = fill(text, given={"password": "one"}).drawn
    assert fill(text, given={"password": "one"}, kept=kept).drawn == kept
    assert fill(text, given={"password": "two"}, kept=kept).drawn.keys() != kept.keys()

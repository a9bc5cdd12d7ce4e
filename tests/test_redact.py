"""The filter where messages leave: what is masked in which spelling, what is not, and at what cost."""

import base64
import random
import string
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextvars import copy_context
from urllib.parse import quote

import pytest

from kotsapp.redact import MASK, MAX_CHARACTERS, MAX_SECRETS, Redactor, Shared, is_name, use
from kotsapp.spellings import MIN_SECRET, is_word

SECRET = "2aBc/Def+9hIjKl mNoP?"
ID = "2eFdA9sLq0WnTYxkQmZr1HcVb7P"


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor()
    redactor.learn("here", secrets)
    return redactor


def knowing_of(secrets: Iterator[str]) -> Redactor:
    redactor = Redactor()
    redactor.learn("here", secrets)
    return redactor


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "z", "zy"])
@pytest.mark.parametrize("secret", [SECRET, ID])
def test_every_spelling_is_masked_whatever_stands_around_it(before: str, after: str, secret: str) -> None:
    around = f"{before}{secret}{after}"
    spelled = {
        "plain": around,
        "percent": quote(around, safe=""),
        "base64": base64_of(around),
        "base64 for URLs": base64.urlsafe_b64encode(around.encode()).decode(),
        "twice": base64_of(f'{{"auth": "{base64_of(around)}"}}'),
        "lower": around.lower(),
        "upper": around.upper(),
    }
    redactor = knowing(secret)

    for how, text in spelled.items():
        reported = redactor.text(f"field is invalid: {text}!")
        assert MASK in reported, how
        assert reported.startswith("field is invalid: "), how
        assert reported.endswith("!"), how
        assert secret.lower() not in reported.lower(), how


def test_what_is_left_of_a_secret_in_a_shortened_message_is_masked() -> None:
    assert knowing(ID).text(f"value {ID[:15]}...") == f"value {MASK}..."
    assert knowing(ID).text(f"value '{ID[:15]}...' is bad") == f"value '{MASK}...' is bad"
    assert knowing(ID).text(f"value {ID[:15]}") == f"value {MASK}"
    assert knowing(ID).text(f"value {ID[:15]} and more") == f"value {ID[:15]} and more"


def test_each_line_of_a_secret_is_one() -> None:
    redactor = knowing("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n")

    assert redactor.text("found hkiG9w0BAQEFAASC here") == f"found {MASK} here"


def test_a_long_secret_is_masked_whole() -> None:
    long = "".join(f"{number:04d}" for number in range(2_000))

    assert knowing(long).text(f"<{long}>").replace(MASK, "") == "<>"


def test_others_of_the_same_beginning_are_left() -> None:
    assert knowing(ID).text(f"{ID[:MIN_SECRET]}-other stays") == f"{ID[:MIN_SECRET]}-other stays"


def test_the_longest_of_secrets_that_begin_alike_is_masked() -> None:
    assert knowing("password1", "password1234").text("is password1234.") == f"is {MASK}."


def test_what_an_origin_had_before_is_forgotten() -> None:
    redactor = knowing("first-secret")
    redactor.learn("here", ["second-secret"])
    redactor.learn("there", ["third-secret"])

    assert redactor.text("first-secret second-secret third-secret") == f"first-secret {MASK} {MASK}"


@pytest.mark.parametrize("text", ["443", "true", "postgres", "Production", "PostgreSQL"[:8].lower(), "enterprise"])
def test_words_are_no_secrets(text: str) -> None:
    assert is_word(text)


@pytest.mark.parametrize("text", ["hunter2hunter2", "correcthorsebattery", "pa55word", "aBcDeFgH", "p@ssw0rd"])
def test_what_may_be_a_password_is_no_word(text: str) -> None:
    assert not is_word(text)


@pytest.mark.parametrize(
    "text",
    [
        "web-shop",
        "my-kots-app-registry",
        "/var/lib/postgresql/data",
        "app.kubernetes.io/name",
        "shop.example.com:8443",
        "https://shop.example.com/login",
        "RollingUpdate",
        "IfNotPresent",
        "ReadWriteOnce",
        "configuration",
        "512Mi",
        "1.27.4-alpine",
        "apps/v1beta1",
        "10.96.0.0/16",
        "2026-11-26",
        "/bin/sh -c sleep 3600",
        "LOG_LEVEL=debug",
        "every word of a plain sentence",
        "registry.k8s.io/pause:3.9",
    ],
)
def test_names_paths_hosts_and_sentences_are_told(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text",
    [
        ID,
        SECRET,
        "hunter2hunter2",
        "Tr0ub4dor-and-3-more",
        "pa55word",
        "p@ssw0rd",
        "aBcDeFgHiJ",
        "correcthorsebattery",
        "qwjzkxvbmpfh",
        "9f86d081884c7d65",
        "0b5c9a6e-8f1d-4f6b-9a57-2f0d3a1c4e7b",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "c2VjcmV0LXZhbHVl",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "word with $pecial characters!",
    ],
)
def test_what_may_be_drawn_is_no_name(text: str) -> None:
    assert not is_name(text)


def test_not_one_in_a_thousand_of_what_is_drawn_is_a_name() -> None:
    rng = random.Random(7)
    alphabets = {
        "letters and digits": string.ascii_letters + string.digits,
        "hexadecimal": string.hexdigits[:16],
        "lower case and digits": string.ascii_lowercase + string.digits,
        "base64": string.ascii_letters + string.digits + "+/",
    }
    for name, alphabet in alphabets.items():
        drawn = ["".join(rng.choices(alphabet, k=24)) for _ in range(5_000)]
        assert sum(map(is_name, drawn)) < len(drawn) / 1_000, name


def test_masking_is_bounded_by_the_message_however_much_is_known() -> None:
    redactor = knowing(*(f"{number:06d}-secret-of-many" for number in range(MAX_SECRETS + 500)))
    message = "0" * 500_000
    started = time.process_time()

    assert redactor.text(message) == message
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "secrets",
    [
        [f"{'a' * 1000}{number:020d}" for number in range(64)],
        [f"{'a' * 20}{number:010d}" for number in range(MAX_SECRETS)],
        ["a" * number for number in range(MIN_SECRET, 300)],
    ],
    ids=["long", "many", "each in the next"],
)
def test_secrets_that_begin_alike_make_no_message_take_long(secrets: list[str]) -> None:
    redactor = knowing(*secrets)
    message = f"{'a' * 7_000}... " if len(secrets) == MAX_SECRETS else f"{'a' * 7_000}b"
    started = time.process_time()

    assert redactor.text(message).startswith(("a", MASK))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("character", ["a", "\u00e4", "\u4e2d", "\U0001f600"])
@pytest.mark.parametrize("length", [20, 1_000])
def test_what_is_known_takes_little_memory_at_work_and_less_at_rest(character: str, length: int) -> None:
    def secrets() -> Iterator[str]:
        return (f"{number:08d}{character * length}" for number in range(10_000))

    tracemalloc.start()
    redactor = knowing_of(secrets())
    redactor.text("whatever is said")
    at_work = tracemalloc.get_traced_memory()[0]
    redactor.rest()
    at_rest = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert at_work <= redactor.size + 16 * 1024
    assert redactor.size < 20 * MAX_CHARACTERS
    assert at_rest < 1.5 * MAX_CHARACTERS


def test_a_newer_license_with_the_same_secrets_takes_no_room() -> None:
    redactor = Redactor()
    redactor.learn("license", [ID])
    before = redactor.size
    redactor.learn("newest license", [ID])

    assert redactor.size == before


def test_what_is_said_of_many_apps_at_rest_is_masked_whole_where_a_look_would_take_long() -> None:
    def said(apps: int, secrets: int) -> str:
        shared, at_rest = Shared(), []
        for app in range(apps):
            redactor = knowing(*(f"s3cret-{app}-{number}" for number in range(secrets)))
            redactor.rest()
            at_rest.append(redactor)
            use(redactor)
            shared.join()
        return shared.text("may not watch s3cret-1-1")

    assert copy_context().run(said, apps=60, secrets=10) == f"may not watch {MASK}"
    started = time.process_time()
    assert copy_context().run(said, apps=3, secrets=MAX_SECRETS).startswith(f"{MASK} (not shown: ")
    assert time.process_time() - started < 5


def test_half_a_character_is_no_trouble() -> None:
    assert knowing("s3cret-\ud83d-value").text("is s3cret-\ud83d-value") == f"is {MASK}"


def test_an_apps_secrets_are_looked_for_up_to_a_bound_and_taken_no_further() -> None:
    taken = 0

    def secrets() -> Iterator[str]:
        nonlocal taken
        for number in range(1_000_000):
            taken += 1
            yield f"{number:07}-{'s' * 200}"

    redactor = Redactor()
    redactor.learn("sources", secrets())
    assert redactor.text("it is 0000001-" + "s" * 200) == "it is ***"
    assert taken < 1_000


def test_what_is_known_is_masked_after_a_rest() -> None:
    redactor = Redactor()
    redactor.learn("license", ["a-license-id"])
    redactor.rest()
    assert redactor.text("it is a-license-id") == "it is ***"


def test_a_message_that_ends_in_a_word_with_which_a_secret_begins_is_not_cut_off() -> None:
    redactor = Redactor()
    redactor.learn("release", ["postgres://shop:aB3dE6gH9jK2@postgres:5432/shop"])
    assert redactor.text("applied Secret/a, StatefulSet/postgres") == "applied Secret/a, StatefulSet/postgres"
    assert redactor.text("can't reach postgres...") == "can't reach ***..."
    assert redactor.text("can't reach postgres://shop:aB3d") == "can't reach ***"
    redactor.learn("release", ["qwertyuiopas"])
    assert redactor.text("it is qwertyui") == "it is ***", "a part of a word"


def test_what_is_learned_in_a_thread_while_something_is_said_is_masked_from_then_on() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(100):
            redactor = Redactor()
            redactor.learn("license", [f"one-of-many-{number}-{n}-Xq7" for n in range(20)])
            learning = threading.Thread(target=redactor.learn, args=("sources", [f"s3cret-of-a-Secret-{number}"]))
            learning.start()
            while learning.is_alive():
                redactor.rest()
                redactor.text("whatever is said meanwhile")
            learning.join()
            assert redactor.text(f"it is s3cret-of-a-Secret-{number}") == "it is ***"
    finally:
        sys.setswitchinterval(interval)

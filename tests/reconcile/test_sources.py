"""Sources are known by what they hold, so that a change of one can be told at once."""

from kotsapp.reconcile.sources import changed, revisions
from kotsapp.release.reader import SourceFile


def files(text: str = "a: 1") -> list[SourceFile]:
    return [
        SourceFile("ConfigMap app, key a.yaml", "a.yaml", b"a"),
        SourceFile("ConfigMap app, key b.yaml", "b.yaml", text.encode()),
        SourceFile("spec.manifests[1].inline", "manifests-1.yaml", b"inline"),
    ]


def test_a_source_is_one_however_many_keys_it_has() -> None:
    reported = revisions(files(), b"key")

    assert [source["name"] for source in reported] == ["ConfigMap app", "spec.manifests[1].inline"]
    assert reported == revisions(files(), b"key")
    assert reported != revisions(files(), b"other key"), "whoever lacks the key can't compare"


def test_what_changed_is_told_by_name() -> None:
    status = {"sources": revisions(files(), b"key")}

    assert changed(status, revisions(files(), b"key")) is None
    assert changed(status, revisions(files("a: 2"), b"key")) == "ConfigMap app changed"
    assert changed(status, revisions(files()[:2], b"key")) == "spec.manifests[1].inline changed"
    assert changed({}, revisions(files(), b"key")) is None


def test_bytes_that_move_from_one_key_to_the_next_are_a_change() -> None:
    one = [SourceFile("ConfigMap app, key a", "a", b"xy"), SourceFile("ConfigMap app, key b", "b", b"z")]
    two = [SourceFile("ConfigMap app, key a", "a", b"x"), SourceFile("ConfigMap app, key b", "b", b"yz")]

    assert revisions(one, b"key") != revisions(two, b"key")

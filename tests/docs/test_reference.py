"""docs/reference.md names everything that there is, and nothing else."""

import re

import pytest
from prometheus_client import CollectorRegistry

from harness import reference
from kotsapp import names
from kotsapp.api import conditions
from kotsapp.api.conditions import Reason
from kotsapp.images.rewrite import ORIGINAL_IMAGES
from kotsapp.license.errors import LicenseReason
from kotsapp.license.facts import ChangeReason
from kotsapp.operating import OperatorMetrics
from kotsapp.reconcile.events import EventReason
from kotsapp.release import store, upgrade
from kotsapp.sources import kept

PAGE = reference.PAGE.read_text()
TYPES = {value for name, value in vars(conditions).items() if name.isupper() and isinstance(value, str)}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def named(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def first_column(text: str) -> set[str]:
    return {name for row in text.splitlines() if row.startswith("| `") for name in named(row.split("|")[1])}


def test_the_tables_of_fields_are_those_of_the_definition() -> None:
    """``make docs`` writes them."""
    assert reference.written(PAGE) == PAGE


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Conditions", TYPES),
        ("Reasons", {str(reason) for reason in (*Reason, *LicenseReason)}),
    ],
)
def test_a_table_names_all_that_there_is(title: str, expected: set[str]) -> None:
    assert first_column(section(title)) == expected


def test_every_event_is_named() -> None:
    expected = {str(reason) for reason in (*EventReason, *ChangeReason, Reason.LICENSE_EXPIRING_SOON)}
    assert named(section("Events")) == expected


def test_every_label_and_annotation_of_ours_is_named() -> None:
    ours = {value for value in vars(names).values() if isinstance(value, str) and value.startswith(f"{names.GROUP}/")}
    ours -= {names.API_VERSION}
    ours |= {
        ORIGINAL_IMAGES,
        store.RELEASE_LABEL,
        store.REVISION_LABEL,
        store.VERSION_ANNOTATION,
        kept.SOURCES_LABEL,
        upgrade.RUN_MARK,
        *names.REQUESTS,
    }
    reported = {name for name in named(section("Labels and annotations")) if "kotsapp.dev/" in name or "fluxcd" in name}
    assert reported == ours


def test_every_metric_is_named() -> None:
    registry = CollectorRegistry()
    OperatorMetrics.register(registry)
    families = {family.name + ("_total" if family.type == "counter" else "") for family in registry.collect()}
    assert first_column(section("Metrics")) == {name for name in families if name.startswith("kotsapp_")}

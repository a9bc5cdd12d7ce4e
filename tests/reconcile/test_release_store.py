"""Which charts were there before, as the stored release and the inventory tell it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from kotsapp.apply.inventory import Entry, Inventory
from kotsapp.kube.objects import key_of
from kotsapp.manifests.errors import Place
from kotsapp.reconcile.release_store import past_of, records
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.reader import Release
from kotsapp.release.store import StoredRelease
from kotsapp.release.upgrade import ChartRecord, Past

HOOK: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate", "namespace": "apps", "annotations": {"helm.sh/hook": "pre-install"}},
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "db", "namespace": "apps"},
}
PLAIN: dict[str, Any] = {**SERVICE, "metadata": {"name": "plain", "namespace": "apps"}}
DB, WEB = "/db/db", "/web/web"


def stored(*charts: ChartRecord, numbers: tuple[int, ...] = (1, 1, 0)) -> StoredRelease:
    """A hook and a Service of the chart, and a plain object."""
    release = Release(objects=(HOOK, SERVICE, PLAIN), chart_numbers=numbers, has_calls=True)
    return StoredRelease(1, "inputs", "", release, charts=charts)


def applied(*objects: dict[str, Any], announced: Collection[dict[str, Any]] = ()) -> Inventory:
    """``announced`` are about to be applied: they have no digest yet."""
    return Inventory.of([*(Entry(key_of(o), "digest") for o in objects), *(Entry(key_of(o)) for o in announced)])


def test_a_chart_whose_objects_are_all_applied_is_installed() -> None:
    past = past_of(stored(ChartRecord(DB, "one")), applied(HOOK, SERVICE), lost=False)

    assert past(DB) == Past("one", (HOOK,))
    assert past(WEB) is None, "a chart that is new in this release"


@pytest.mark.parametrize("upgrade", [False, True])
def test_an_install_that_has_not_come_to_its_end_is_none_and_an_upgrade_stays_one(upgrade: bool) -> None:
    past = past_of(stored(ChartRecord(DB, "one", upgrade)), applied(HOOK, announced=[SERVICE]), lost=False)

    assert past(DB) == (Past("one", (HOOK,)) if upgrade else None)


def test_one_chart_under_one_name_in_two_namespaces_is_two_charts() -> None:
    here = ChartRequest(ChartArchive("db", "1.0.0", "x", b""), "db", "", {}, Place("HelmChart db"))
    there, other = replace(here, namespace="other"), replace(here, archive=replace(here.archive, name="db-db"))
    assert len({here.key, there.key, other.key}) == len({one.key for one in records([here, there, other])}) == 3

    found = stored(*records([here, there]), numbers=(1, 2, 0))
    past = past_of(found, applied(HOOK, announced=[SERVICE]), lost=False)
    assert past(here.key) == Past(here.digest, (HOOK,))
    assert past(there.key) is None, "its own install has not come to its end"


def test_where_the_stored_release_is_gone_all_may_have_been_there() -> None:
    assert past_of(None, applied(PLAIN), lost=True)(DB) == Past()
    assert past_of(None, applied(announced=[PLAIN]), lost=True)(DB) is None, "nothing was ever applied"
    assert past_of(None, applied(PLAIN), lost=False)(DB) is None, "it had none: the chart is new in this release"

"""Charts that no HelmChart document asks for: which of them are installed, under which name, with which values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.charts import pack_chart
from harness.packing import pack
from kotsapp.manifests.errors import ManifestError
from kotsapp.release.reader import Release, read_release
from kotsapp.release.renderer import Renderer
from kotsapp.release.source_file import ChartInstall, SourceFile

FETCHED = ChartInstall()
ASKED_FOR = ChartInstall("spec.manifests[0].chart", release_name="shop", namespace="apps")
RENDERER = Renderer(None, "pull", "apps")


def chart(
    install: ChartInstall | None, name: str = "db", version: str = "1.0.0", origin: str = "oci://r/db"
) -> SourceFile:
    return SourceFile(origin, "artifact.tgz", pack_chart(name, {"values.yaml": "a: 1\n"}, version), install)


def helm_chart(version: str = "1.0.0", kind: str = "v1beta1", **spec: Any) -> SourceFile:
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    text = f"apiVersion: kots.io/{kind}\nkind: HelmChart\nmetadata: {{name: db}}\n"
    text += f"spec: {{chart: {{name: db, chartVersion: {version}}}, values: {{of: document}}{more}}}\n"
    return SourceFile("helmchart.yaml", "helmchart.yaml", text.encode())


def asked(release: Release) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.namespace, one.release_name, dict(one.values)) for one in release.charts]


def values(*texts: str) -> tuple[SourceFile, ...]:
    return tuple(
        SourceFile(f"Secret v{n}, key values.yaml", "values.yaml", text.encode()) for n, text in enumerate(texts)
    )


def test_a_chart_that_was_fetched_is_installed_in_its_own_name() -> None:
    assert asked(read_release([chart(FETCHED)])) == [("", "db", {})]


def test_one_that_lies_there_is_not() -> None:
    assert asked(read_release([chart(None)])) == []


def test_the_spec_says_under_which_name_and_where() -> None:
    assert asked(read_release([chart(ASKED_FOR)])) == [("apps", "shop", {})]


@pytest.mark.parametrize("kind", ["v1beta1", "v1beta2"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_helm_chart_document_that_names_it_counts_instead(kind: str, order: int) -> None:
    files = [chart(FETCHED), helm_chart(kind=kind)][::order]
    assert asked(read_release(files)) == [("", "db", {"of": "document"})]


@pytest.mark.parametrize("spec", [{"exclude": "true"}, {}])
def test_so_it_does_where_it_leaves_the_chart_out_or_to_others(spec: dict[str, str]) -> None:
    release = read_release([chart(FETCHED), helm_chart(kind="v1beta2", **spec)], patch_helm_v2=bool(spec))
    assert asked(release) == []


def test_one_of_another_version_does_not() -> None:
    files = [
        chart(FETCHED, version="2.0.0"),
        chart(None, origin="beside"),
        helm_chart(releaseName="old", kind="v1beta2"),
    ]
    assert asked(read_release(files)) == [("", "old", {"of": "document"}), ("", "db", {})]


def test_what_the_spec_says_is_installed_beside_a_document() -> None:
    files = [chart(ASKED_FOR), helm_chart()]
    assert asked(read_release(files)) == [("", "db", {"of": "document"}), ("apps", "shop", {})]


def test_later_values_win_and_those_of_the_spec_over_all_merged_as_helm_merges() -> None:
    files = values("a: {b: 1, c: 1, list: [1, 2]}\nd: 1\n", "a: {c: 2, list: [3]}\ne: null\n")
    install = replace(ASKED_FOR, values={"a": {"f": 3}, "d": 4}, values_files=files)
    found = asked(read_release([chart(install)]))[0][2]
    assert found == {"a": {"b": 1, "c": 2, "list": [3], "f": 3}, "d": 4, "e": None}
    assert install.values == {"a": {"f": 3}, "d": 4}


@pytest.mark.parametrize("other", [chart(FETCHED, origin="oci://r/other"), helm_chart("2.0.0")])
def test_two_that_would_be_one_release_are_refused(other: SourceFile) -> None:
    files = [chart(FETCHED), chart(None, version="2.0.0", origin="beside"), other]
    with pytest.raises(
        ManifestError, match=r"would be the Helm release db, which .* is already: give one of them"
    ) as error:
        read_release(files)
    assert str(error.value).startswith("oci://r/")


@pytest.mark.parametrize("name", ["a.yaml", "artifact.tgz"])
def test_what_is_no_chart_is_refused_where_the_spec_says_how_to_install_one(name: str) -> None:
    manifest = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    data = pack({"a.yaml": manifest}) if name.endswith("tgz") else manifest
    with pytest.raises(
        ManifestError, match=r"is not a packaged Helm chart, which spec\.manifests\[0\]\.chart says how to"
    ):
        read_release([SourceFile("Secret s, key a", name, data, ASKED_FOR)])
    assert len(read_release([SourceFile("oci://r/folder", name, data, FETCHED)]).objects) == 1


def test_values_of_comments_alone_are_none_and_of_several_documents_the_first_counts_as_for_helm() -> None:
    files = values("# nothing yet\n", "", "a: 1\n---\na: 2\n")
    assert asked(read_release([chart(replace(ASKED_FOR, values_files=files))]))[0][2] == {"a": 1}


@pytest.mark.parametrize("text", ["- 1", "a: [", "{{ x }}: 1", "7"])
def test_values_that_are_no_mapping_are_told_where_they_stand(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_release([chart(replace(ASKED_FOR, values_files=values("", text)))])
    assert str(caught.value).startswith("Secret v1, key values.yaml")


CHANGES = (
    {"release_name": "other"},
    {"namespace": "other"},
    {"values": {"a": 1}},
    {"values_files": values("a: 1")},
    {"values_files": values("a: 2")},
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_release_is_another_one_when_its_charts_are_installed_otherwise(change: dict[str, Any]) -> None:
    plain, changed = chart(ASKED_FOR), chart(replace(ASKED_FOR, **change))
    assert RENDERER.inputs([plain]) != RENDERER.inputs([changed])
    assert read_release([plain]).content != read_release([changed]).content


def test_a_field_that_stands_elsewhere_in_the_spec_is_no_change() -> None:
    moved = chart(replace(ASKED_FOR, where="spec.manifests[7].chart"))
    assert RENDERER.inputs([chart(ASKED_FOR)]) == RENDERER.inputs([moved])

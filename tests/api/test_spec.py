"""A KotsApp's spec: refused by the operator, too, where the API server knows no CEL rules; and nothing is ignored."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harness.bad_specs import BAD_SPECS, GOOD, BadSpec
from kotsapp.api.spec import Inline, Item, KeyRef, SourceKind, SpecError, check_name, parse_spec
from kotsapp.images.image_path import MAX_STEPS, InvalidImagePathError, parse_steps

CRD = yaml.safe_load((Path(__file__).parents[2] / "crds" / "kotsapps.kotsapp.dev.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
PATH_SCHEMA = SCHEMA["properties"]["imagePaths"]["items"]["properties"]["path"]

DIGEST = "sha256:" + "0" * 64
# A value for each field that the CRD has, other than its default. Two sources can't stand together.
VALUES: Mapping[str, Any] = {
    "license.secretRef.name": "other",
    "license.secretRef.key": "acme.yaml",
    "license.configMapRef.name": "other",
    "license.configMapRef.key": "acme.yaml",
    "manifests[].configMapRef.name": "other",
    "manifests[].configMapRef.key": "a.yaml",
    "manifests[].configMapRef.digest": DIGEST,
    "manifests[].secretRef.name": "other",
    "manifests[].secretRef.key": "a.yaml",
    "manifests[].secretRef.digest": DIGEST,
    "manifests[].inline": "kind: ConfigMap",
    "manifests[].channelRelease.versionLabel": "1.4.2",
    "manifests[].ociRef.url": "oci://ghcr.io/other",
    "manifests[].ociRef.version": "1.x",
    "manifests[].ociRef.tag": "stable",
    "manifests[].ociRef.digest": DIGEST,
    "manifests[].ociRef.secretRef.name": "login",
    "manifests[].chart.releaseName": "shop",
    "manifests[].chart.namespace": "apps",
    "manifests[].chart.values": {"replicas": 2, "images": [{"tag": "v1"}]},
    "manifests[].chart.valuesFrom[].configMapRef.name": "other",
    "manifests[].chart.valuesFrom[].configMapRef.key": "a.yaml",
    "manifests[].chart.valuesFrom[].secretRef.name": "other",
    "manifests[].chart.valuesFrom[].secretRef.key": "a.yaml",
    "interval": "30s",
    "config.values": {"host": "shop", "tls": True, "port": 8443, "ratio": 0.5},
    "config.valuesFrom[].configMapRef.name": "other",
    "config.valuesFrom[].configMapRef.key": "values.yaml",
    "config.valuesFrom[].secretRef.name": "other",
    "config.valuesFrom[].secretRef.key": "values.yaml",
    "proxy.domain": "images.example.com",
    "proxy.registryDomain": "registry.example.com:8443",
    "proxy.publicImages": True,
    "proxy.verify": "Enforce",
    "probe.interval": "2h",
    "probe.timeout": "1m30s",
    "probe.onUndecided": "Keep",
    "probe.exclude[]": "registry.internal.example/*",
    "imagePaths[].group": "example.com",
    "imagePaths[].kind": "Thing",
    "imagePaths[].path": "spec.parts[*].image",
    "imagePaths[].pullSecretsPath": "spec.imagePullSecrets",
    "ignoreFields[].group": "example.com",
    "ignoreFields[].kind": "Thing",
    "ignoreFields[].name": "one",
    "ignoreFields[].path": "spec.parts[*].size",
    "helm.v2Charts": "Skip",
    "pullSecret.name": "pulls",
    "serviceAccountName": "deployer",
    "pods.route": True,
    "prune": False,
    "wait": False,
    "timeout": "1h",
    "suspend": True,
}


def leaves(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    if schema["type"] == "object" and "properties" in schema:
        for name, child in schema["properties"].items():
            yield from leaves(child, f"{path}.{name}".lstrip("."))
    elif schema["type"] == "array":
        yield from leaves(schema["items"], f"{path}[]")
    else:
        yield path


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The good spec with one field set, and what must stand beside it."""
    built: Any = value
    for part in reversed(path.split(".")):
        built = {part.removesuffix("[]"): [built] if part.endswith("[]") else built}
    spec: dict[str, Any] = {**GOOD, **built}
    item = spec["manifests"][0]
    if "ociRef" in item:
        given = item["ociRef"]
        item["ociRef"] = {
            "url": "oci://ghcr.io/one",
            **({} if {*given} & {"tag", "digest"} else {"version": "1"}),
            **given,
        }
    elif "chart" in item:
        item |= GOOD["manifests"][0]
    of_chart = item.get("chart", {}).get("valuesFrom", [])
    for refs in (spec["license"], item, *of_chart, *spec.get("config", {}).get("valuesFrom", [])):
        for name in ("secretRef", "configMapRef"):
            if name in refs:
                key = {"key": "a.yaml"} if "digest" in refs[name] else {}
                refs[name] = {"name": "my-license", **key, **refs[name]}
    for name in ("imagePaths", "ignoreFields"):
        if name in spec:
            spec[name] = [{"group": "g", "kind": "K", "path": "p", **spec[name][0]}]
    return spec


def test_a_value_is_known_for_every_field_of_the_crd() -> None:
    assert set(leaves(SCHEMA)) == set(VALUES)


@pytest.mark.parametrize("path", sorted(VALUES))
def test_no_field_is_accepted_and_ignored(path: str) -> None:
    base: dict[str, Any] = dict(GOOD)
    for name in ("imagePaths", "ignoreFields"):
        if path.startswith(name):
            base[name] = [{"group": "g", "kind": "K", "path": "p"}]

    assert parse_spec(with_value(path, VALUES[path])) != parse_spec(base)


def test_what_is_left_out_has_the_defaults_of_the_crd() -> None:
    spec = parse_spec(GOOD)

    assert spec == parse_spec({**GOOD, **_defaults(SCHEMA)})
    assert spec.license == KeyRef(SourceKind.SECRET, "my-license", "license.yaml")
    assert spec.manifests == (Item(KeyRef(SourceKind.CONFIG_MAP, "app-manifests", None)),)


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What the API server fills in."""
    found = {}
    for name, child in schema["properties"].items():
        if "default" in child:
            found[name] = child["default"]
            if child["type"] == "object":
                found[name] = {**child["default"], **_defaults(child)}
    return found


def test_every_named_secret_and_config_map_is_a_reference() -> None:
    values = [{"secretRef": {"name": "v"}}, {"configMapRef": {"name": "w", "key": "k"}}]
    oci = {"url": "oci://ghcr.io/my-org/shop", "version": "1.x", "secretRef": {"name": "login"}}
    sources = [
        {"inline": "a: b"},
        {"secretRef": {"name": "s"}},
        {"configMapRef": {"name": "c", "key": "k"}},
        {"ociRef": oci, "chart": {"valuesFrom": values}},
    ]

    spec = parse_spec({"license": {"configMapRef": {"name": "lic"}}, "manifests": sources})

    assert spec.manifests[0].source == Inline(0, "a: b")
    assert spec.references == {
        (SourceKind.CONFIG_MAP, "lic"),
        (SourceKind.SECRET, "s"),
        (SourceKind.CONFIG_MAP, "c"),
        (SourceKind.SECRET, "login"),
        (SourceKind.SECRET, "v"),
        (SourceKind.CONFIG_MAP, "w"),
    }


def test_what_an_oci_reference_means() -> None:
    def read(url: str, **version: str) -> Any:
        return parse_spec({**GOOD, "manifests": [{"ociRef": {"url": url, **version}}]}).manifests[0].source

    hub = read("oci://docker.io/library/shop", tag="1")
    assert (hub.registry, hub.repository, hub.tag) == ("docker.io", "library/shop", "1")
    assert read("oci://GHCR.io:443/my-org/shop", version="1.x").registry == "ghcr.io"
    assert read("oci://registry.apps.svc:5000/shop", version="v1.2.3+b").version == "v1.2.3+b"


def test_a_version_that_is_no_range_is_told_where_tags_go() -> None:
    item = {"ociRef": {"url": "oci://ghcr.io/shop", "version": "latest"}}
    with pytest.raises(SpecError) as caught:
        parse_spec({**GOOD, "manifests": [item]})
    reported = "spec.manifests[0].ociRef.version: 'latest' is neither a version nor a range of versions such as 1.4.2"
    assert str(caught.value).startswith(reported)
    assert str(caught.value).endswith("other tags go into tag")


def test_values_come_from_no_more_objects_than_can_be_read_each_time() -> None:
    item = {"secretRef": {"name": "s"}, "chart": {"valuesFrom": [{"secretRef": {"name": "v"}}] * 13}}
    with pytest.raises(SpecError, match=r"at most 64 items of chart\.valuesFrom are possible in all"):
        parse_spec({**GOOD, "manifests": [item] * 5})


def test_one_chart_may_be_installed_twice_under_two_names() -> None:
    def item(name: str) -> dict[str, Any]:
        return {"ociRef": {"url": "oci://ghcr.io/redis", "version": "1.x"}, "chart": {"releaseName": name}}

    spec = parse_spec({**GOOD, "manifests": [item("cache"), item("queue")]})
    assert [one.name for one in spec.remote] == [f"oci://ghcr.io/redis (release {n})" for n in ("cache", "queue")]


@pytest.mark.parametrize("bad", BAD_SPECS, ids=str)
def test_the_operator_refuses_what_the_api_server_should_have_refused(bad: BadSpec) -> None:
    with pytest.raises(SpecError) as caught:
        _read(bad)

    assert bad.message in str(caught.value)


def _read(bad: BadSpec) -> None:
    check_name(bad.name)
    parse_spec(bad.spec)


@pytest.mark.parametrize("spec", [{}, {"license": None}, {"license": [], "manifests": {}}, {"proxy": "x", **GOOD}])
def test_a_spec_of_any_shape_is_an_error_and_no_crash(spec: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        parse_spec(spec)


_PIECES = st.sampled_from(
    ["a", "Image9", "a-b_c", "$x", "a/b", ".", "..", "*", ".*", "[*]", "[0]", "[1234567]", "[", "]"]
)
_QUOTED = st.sampled_from(["['a.b']", "['example.com/image']", "['']", "['a'b']", "['a", " "])


@given(st.lists(_PIECES | _QUOTED, min_size=1, max_size=MAX_STEPS + 2).map("".join))
@example("spec.nodes.*.image")
@example("*")
@example("a" + ".b" * (MAX_STEPS - 1))
@example("a" + ".b" * MAX_STEPS)
def test_the_crd_takes_the_image_paths_that_the_operator_reads(path: str) -> None:
    if len(path) > PATH_SCHEMA["maxLength"]:
        return
    try:
        parse_steps(path)
        readable = True
    except InvalidImagePathError:
        readable = False

    assert (re.fullmatch(PATH_SCHEMA["pattern"], path) is not None) == readable


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"host": ["a"]}, "spec.config.values.host: must be one text, number or boolean"),
        ({"host": None}, "spec.config.values.host: must be one text"),
        (["a"], "spec.config.values: must be an object"),
        ({str(n): "x" for n in range(1_001)}, "spec.config.values: at most 1000 are possible, found 1001"),
    ],
)
def test_answers_that_no_schema_can_refuse_are_refused_here(values: Any, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        parse_spec({**GOOD, "config": {"values": values}})

"""What a chart's ``lookup`` finds, through the real helm, and what it can't come to."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml

from harness.charts import helm, pack_chart
from harness.cluster import APP, NAMESPACE, fake_cluster
from harness.fakekube import FakeApi, Match, connect
from kotsapp.kube.errors import ApiError
from kotsapp.manifests.errors import Place
from kotsapp.names import NAME_LABEL, NAMESPACE_LABEL
from kotsapp.reconcile.lookup_server import Looker, LookupServer
from kotsapp.release import helm as runner
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.helm import Cluster, HelmError
from kotsapp.release.upgrade import Past

LABELS = {NAMESPACE_LABEL: NAMESPACE, NAME_LABEL: APP.name}
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:deployer"
Object = dict[str, Any]


def secret(name: str, labels: Mapping[str, str] = LABELS, namespace: str = NAMESPACE, **data: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def shown(what: str) -> str:
    data = f"{{seen: {{{{ {what} | toJson | quote }}}}}}"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: seen}}\ndata: {data}\n"


async def server(
    api: FakeApi, labels: Mapping[str, str] | None = LABELS, user: str = "", **bounds: int
) -> LookupServer:
    client = connect(api)
    looker = Looker(client.impersonating(user) if user else client, NAMESPACE, labels)
    return LookupServer(looker, client.server_version, await client.api_versions(), **bounds)


async def render(lookups: LookupServer, template: str, *, past: Past | None = None, **files: str) -> list[Object]:
    data = pack_chart("demo", {"templates/all.yaml": template, **files})
    archive = ChartArchive("demo", "1.0.0", "demo.tgz", data, looks_up=True)
    request = ChartRequest(archive, "rel", "", {}, Place("HelmChart demo"), past=past)
    async with lookups.serving():
        # In a thread, since helm asks this very loop.
        output = await asyncio.to_thread(runner.render, request, helm(), NAMESPACE, Cluster(lookups=lookups))
    return [found for found in yaml.safe_load_all(output) if found]


async def seen(lookups: LookupServer, what: str) -> Any:
    [found] = await render(lookups, shown(what))
    return json.loads(found["data"]["seen"])


def names(found: Any) -> list[str]:
    return sorted(item["metadata"]["name"] for item in found["items"])


async def test_the_apps_own_objects_are_found_and_no_others() -> None:
    api = fake_cluster(NAMESPACE, "other")
    api.put(secret("own", password="cGFzcw=="))
    api.put(secret("anybodys", {}))
    api.put(secret("of-another", {**LABELS, NAME_LABEL: "another"}))
    api.put(secret("elsewhere", namespace="other"))
    one = await server(api)

    own = await seen(one, f'lookup "v1" "Secret" "{NAMESPACE}" "own"')
    assert own["data"] == {"password": "cGFzcw=="}
    for namespace, name in ((NAMESPACE, "anybodys"), (NAMESPACE, "of-another"), ("other", "elsewhere")):
        assert await seen(await server(api), f'lookup "v1" "Secret" "{namespace}" "{name}"') == {}, name
    for namespace in (NAMESPACE, ""):
        assert names(await seen(await server(api), f'lookup "v1" "Secret" "{namespace}" ""')) == ["own"]
    for question in ('"v1" "Secret" "other" ""', '"v1" "Namespace" "" ""'):
        assert (await seen(await server(api), f"lookup {question}"))["items"] == [], question
    assert await seen(await server(api), f'lookup "v1" "Namespace" "" "{NAMESPACE}"') == {}


async def test_an_account_finds_what_it_may_read_and_the_charts_error_names_what_it_may_not() -> None:
    api = fake_cluster(NAMESPACE, "other")
    api.put(secret("anybodys", {}, a="MQ=="))
    api.put(secret("elsewhere", {}, namespace="other"))
    api.rights.deny(user=ACCOUNT, resource="secrets", namespace="other")

    found = await seen(await server(api, None, ACCOUNT), f'lookup "v1" "Secret" "{NAMESPACE}" "anybodys"')
    assert found["data"] == {"a": "MQ=="}
    for name in ("elsewhere", "missing", ""):
        lookups = await server(api, None, ACCOUNT)
        with pytest.raises(HelmError) as caught:
            await seen(lookups, f'lookup "v1" "Secret" "other" "{name}"')
        assert "forbidden" in str(caught.value)
        assert ACCOUNT in str(caught.value)
        assert lookups.refused


@pytest.mark.parametrize("name", ["a", ""])
@pytest.mark.parametrize("question", ['"example.com/v1" "Widget"', '"v1" "Gadget"', '"apps/v1" "Gadget"'])
async def test_what_is_not_served_is_not_found(question: str, name: str) -> None:
    assert await seen(await server(fake_cluster()), f'lookup {question} "{NAMESPACE}" "{name}"') == {}


@pytest.mark.parametrize("past", [None, Past()])
async def test_kinds_that_the_chart_brings_itself_are_no_hindrance(past: Past | None) -> None:
    """Helm wants to know every kind of its output, and at an install whether its objects are there already."""
    api = fake_cluster()
    api.put(secret("own"))
    api.rights.deny(user=ACCOUNT, resource="configmaps")
    custom = "---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
    has = '{{ .Capabilities.APIVersions.Has "example.com/v1/Widget" }}'
    text = f'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: "{has}"}}\n{custom}'

    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.example.com}\n"
    gadget = "---\napiVersion: example.com/v2\nkind: Gadget\nmetadata: {name: g}\n"

    definition, *found = await render(
        await server(api, None, ACCOUNT), text + gadget, past=past, **{"crds/gadget.yaml": crd}
    )

    assert definition["kind"] == "CustomResourceDefinition"
    assert sorted((obj["kind"], obj["metadata"]["name"]) for obj in found) == [
        ("ConfigMap", "false"),
        ("Gadget", "g"),
        ("Widget", "w"),
    ]
    assert not any("configmaps" in request for request in api.requests())


async def test_the_clusters_version_and_kinds_are_told_and_whether_it_is_an_upgrade() -> None:
    has = (
        'list .Release.IsUpgrade .Capabilities.KubeVersion.Version (.Capabilities.APIVersions.Has "apps/v1/Deployment")'
    )
    api = fake_cluster()
    version = connect(api).server_version

    assert await seen(await server(api), has) == [False, version, True]
    [found] = await render(await server(api), shown(has), past=Past())
    assert json.loads(found["data"]["seen"]) == [True, version, True]


async def test_what_a_secret_holds_is_in_no_message() -> None:
    api = fake_cluster()
    api.put(secret("own", password="aHVudGVyMg=="))
    for what in ("$s.data.password", "($s.data.password | b64dec)"):
        with pytest.raises(HelmError) as caught:
            await render(
                await server(api), f'{{{{ $s := lookup "v1" "Secret" "{NAMESPACE}" "own" }}}}{{{{ fail {what} }}}}'
            )
        assert "***" in str(caught.value)
        assert not {"hunter2", "aHVudGVyMg"} & set(str(caught.value).split())


async def test_an_api_server_that_is_away_is_no_fault_of_the_chart() -> None:
    api = fake_cluster()
    lookups = await server(api)

    async def away(*_: object, **__: object) -> None:
        raise ApiError(503, "ServiceUnavailable", "away")

    lookups._looker.client.get = away  # type: ignore[method-assign]
    with pytest.raises(HelmError, match="away"):
        await seen(lookups, f'lookup "v1" "Secret" "{NAMESPACE}" "own"')
    assert lookups.failure is not None


async def test_an_api_server_that_does_not_answer_is_no_fault_of_the_chart() -> None:
    api = fake_cluster()
    lookups = await server(api)
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/own"
    async with lookups.serving(), aiohttp.ClientSession() as session:
        with api.paused(Match(kind="Secret")) as pause:
            asked = asyncio.ensure_future(session.get(lookups.url + path))
            await pause.reached.wait()
            assert lookups.failure is not None
            assert lookups.failure.transient
        await asked
        assert lookups.failure is None


async def test_look_ups_without_end_and_of_too_much_are_stopped() -> None:
    api = fake_cluster()
    for number in range(30):
        api.put(secret(f"own-{number}", a="YWFh" * 1000))

    with pytest.raises(HelmError, match="looks up more than 3 times"):
        await render(
            await server(api, max_lookups=3),
            f'{{{{ range until 5 }}}}{{{{ $_ := lookup "v1" "Secret" "{NAMESPACE}" "x" }}}}{{{{ end }}}}',
        )
    with pytest.raises(HelmError, match="looks up more than 0 MiB"):
        await seen(await server(api, max_bytes=100_000), f'lookup "v1" "Secret" "{NAMESPACE}" ""')


async def test_without_the_token_and_for_anything_but_reading_there_is_no_answer() -> None:
    api = fake_cluster()
    api.put(secret("own"))
    lookups = await server(api)
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/own"
    async with lookups.serving(), aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{lookups.port}"
        asked = {
            "right": ("GET", lookups.url + path),
            "no token": ("GET", base + path),
            "another token": ("GET", f"{base}/x{path}"),
            "nothing": ("GET", base),
            "delete": ("DELETE", lookups.url + path),
            "a subresource": ("GET", f"{lookups.url}{path}/proxy/x"),
            "another path": ("GET", f"{lookups.url}/metrics"),
            "a path that leads out": ("GET", f"{lookups.url}/api/v1/namespaces/..%2f..%2fother/secrets/own"),
        }
        answers = {name: (await session.request(*each)).status for name, each in asked.items()}
    assert answers == dict.fromkeys(asked, 404) | {"right": 200, "delete": 405}
    assert urlsplit(lookups.url).hostname == "127.0.0.1"


async def test_helm_is_given_an_address_and_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in helm's place tells all that it is given; between helm's walls it could not be a script."""
    program = tmp_path / "helm"
    program.write_text(
        '#!/bin/sh\necho "# $*"\nset | while read -r line; do echo "# $line"; done\n'
        'for file in "$HOME"/*; do echo "#file $file"; done\nread -r line < "$HOME/kubeconfig"; echo "# $line"\n'
        'while read -r line; do echo "# $line"; done < "$HOME/kubeconfig"\necho "# $line"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(runner.sandbox, "command", lambda command, _: command)
    monkeypatch.setenv("OPERATORS_OWN", "what-only-the-operator-has")
    lookups = await server(fake_cluster())
    archive = ChartArchive("demo", "1.0.0", "demo.tgz", pack_chart("demo", {}), looks_up=True)
    request = ChartRequest(archive, "rel", "", {}, Place("HelmChart demo"))
    async with lookups.serving():
        reported = runner.render(request, program, NAMESPACE, Cluster(lookups=lookups)).decode()

    arguments, *rest = reported.splitlines()
    assert lookups.url not in arguments, "others can see them"
    assert any(lookups.url in line for line in rest), "it is in the kubeconfig"
    assert "what-only-the-operator-has" not in reported
    assert "token" not in reported.replace(lookups.url, "").lower()
    files = {line.rpartition("/")[2] for line in rest if line.startswith("#file ")}
    assert files == {"chart.tgz", "kubeconfig", "values.json"}

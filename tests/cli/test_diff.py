"""``kubectl kotsapp diff``: what the next roll-out would change, found out without changing anything."""

import base64
from typing import Any

import pytest
import yaml

from harness.charts import helm, pack_chart
from harness.cluster import NAMESPACE, config_map, deployment, obj
from harness.fakekube import FakeApi, connect
from harness.inprocess import PRIVATE, PROXIED, operating
from harness.licenses import LICENSE_ID, Signer
from harness.vendors import VendorWeb
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.cli.errors import CommandError
from kotsapp.cli.plugin.arguments import parse
from kotsapp.cli.plugin.target import Target
from localworld.release_channel import Customer, Vendor


async def diff(api: FakeApi, *words: str) -> int:
    """With the operator idle: whatever is written meanwhile is the plugin's."""
    await quiet(5)
    args = parse(["diff", "my-app", *words])
    before = len(api.writes())
    code: int = await args.action(args, Target(connect(api), args, NAMESPACE))
    changes = [write for write in api.writes()[before:] if "dryRun" not in str(write)]
    assert changes == [], "a look changes nothing"
    return code


@in_virtual_time
async def test_an_app_that_is_as_it_should_be_has_no_difference(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment("web", image=PRIVATE), config_map(a="1"), wait=False)
        await operator.until_ready()
        assert await diff(operator.api) == 0
        assert capsys.readouterr().out == ""


@in_virtual_time
async def test_a_version_that_is_not_fetched_is_not_told_as_no_difference(signer: Signer) -> None:
    vendor = Vendor()
    vendor.customers[LICENSE_ID] = Customer(signer.sign(), 1, "")
    vendor.publish("1.0.0", {"app.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
    async with operating(signer, web=VendorWeb(vendor)) as operator:
        operator.put_app(manifests=[{"channelRelease": {}}])
        await operator.until_ready()
        assert await diff(operator.api, "--trusted-keys", str(signer.folder)) == 0
        operator.put_app(manifests=[{"channelRelease": {"versionLabel": "1.4.2"}}])
        await operator.until_reason("SourceUnavailable")
        with pytest.raises(
            CommandError, match=r"release 1\.4\.2 is asked for, .* has release 1\.0\.0 \(1\)"
        ) as reported:
            await diff(operator.api, "--trusted-keys", str(signer.folder))
        assert reported.value.exit_code == 2


@in_virtual_time
async def test_what_is_changed_made_and_deleted_is_told(signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment("web", image=PRIVATE), config_map(a="1"), config_map("gone", b="2"), wait=False)
        await operator.until_ready()
        objects = (deployment("web", image=PRIVATE), config_map(a="2"), config_map("new", c="3"))
        operator.put_app(*objects, suspend=True, wait=False)
        assert await diff(operator.api) == 1
        captured = capsys.readouterr()
        assert "it is suspended" in captured.err
        lines = captured.out.splitlines()
        assert [line for line in lines if line.startswith(("---", "+++"))] == [
            "--- live/ConfigMap/settings",
            "+++ next/ConfigMap/settings",
            "--- /dev/null",
            "+++ next/ConfigMap/new",
            "--- live/ConfigMap/gone",
            "+++ /dev/null",
        ]
        assert {'-  a: "1"', '+  a: "2"', '+  c: "3"', '-  b: "2"'} <= set(lines)
        assert "managedFields" not in captured.out and "resourceVersion" not in captured.out


@in_virtual_time
async def test_drift_is_a_difference(signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_app(config_map(a="1"), suspend=True)
        await quiet(5)
        operator.api.change("ConfigMap", "settings", {"data": {"a": "other"}}, NAMESPACE)
        assert await diff(operator.api) == 1
        assert {"-  a: other", '+  a: "1"'} <= set(capsys.readouterr().out.splitlines())


@in_virtual_time
async def test_images_have_the_routes_that_are_known_and_others_are_told(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(signer) as operator:
        operator.put_app(deployment("web", image=PRIVATE), wait=False)
        await operator.until_ready()
        more = deployment("more", image="quay.io/x/y:1")
        operator.put_app(deployment("web", image=PRIVATE), more, suspend=True, wait=False)
        assert await diff(operator.api) == 1
        captured = capsys.readouterr()
        assert "no route is known of quay.io/x/y:1" in captured.err
        assert PROXIED not in captured.out, "web is as it was"
        assert "image: quay.io/x/y:1" in captured.out


@in_virtual_time
async def test_no_secret_is_told(signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    def secret(**data: str) -> dict[str, Any]:
        return {**obj("Secret", "s"), "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}

    async with operating(signer) as operator:
        operator.put_app(secret(same="kept-value-1", other="old-value-22"), config_map(a="1"))
        await operator.until_ready()
        added = config_map("id", license=LICENSE_ID)
        changed = secret(same="kept-value-1", other="new-value-22", more="more-value-3")
        operator.put_app(changed, config_map(a="1"), added, suspend=True)
        assert await diff(operator.api) == 1
        captured = capsys.readouterr()
        for value in ("kept-value-1", "old-value-22", "new-value-22", "more-value-3"):
            assert value not in captured.out and base64.b64encode(value.encode()).decode() not in captured.out
        assert LICENSE_ID not in captured.out + captured.err
        assert {'-  other: "*** (before)"', '+  other: "*** (after)"', '   same: "***"'} <= set(
            captured.out.splitlines()
        )


@in_virtual_time
async def test_what_is_drawn_stays_as_the_stored_rendering_has_it(
    signer: Signer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: drawn}\ndata: {a: '{{ randAlphaNum 16 }}', b: 'B'}\n"
    chart = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "HelmChart",
        "metadata": {"name": "db"},
        "spec": {"chart": {"name": "db", "chartVersion": "1.0.0"}},
    }

    def release(text: str) -> dict[str, Any]:
        files = {
            "chart.yaml": yaml.safe_dump(chart).encode(),
            "db-1.0.0.tgz": pack_chart("db", {"templates/a.yaml": text}),
        }
        return {**obj("Secret", "release"), "data": {k: base64.b64encode(v).decode() for k, v in files.items()}}

    async with operating(signer) as operator:
        operator.api.put(release(template))
        sources = {"manifests": [{"secretRef": {"name": "release"}}]}
        operator.put_app(**sources)
        await operator.until_ready()
        assert await diff(operator.api) == 0
        operator.put_app(**sources, suspend=True)
        operator.api.put(
            {**operator.api.live("Secret", "release", NAMESPACE), **release(template.replace("'B'", "'C'"))}
        )
        capsys.readouterr()
        assert await diff(operator.api) == 1
        captured = capsys.readouterr()
        assert "rendered anew" in captured.err
        assert {"-  b: B", "+  b: C"} <= set(captured.out.splitlines())


@in_virtual_time
async def test_what_could_not_roll_out_is_told_and_is_no_difference(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_app({"kind": "ConfigMap", "metadata": {"name": "x"}})
        with pytest.raises(CommandError, match=r"nothing would roll out: .*apiVersion") as raised:
            await diff(operator.api)
        assert raised.value.exit_code == 2


@in_virtual_time
async def test_what_this_person_may_not_do_is_told_with_the_object(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        operator.put_app(config_map(a="2"), suspend=True)
        operator.api.rights.deny(verb="patch", resource="configmaps")
        assert await diff(operator.api) == 2
        assert "ConfigMap/settings" in capsys.readouterr().err


@in_virtual_time
async def test_the_pull_secret_that_pods_of_others_need_is_no_difference(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"), pods={"route": True})
        await operator.until_ready()
        assert operator.api.get("Secret", "my-kots-app-registry", NAMESPACE) is not None
        assert await diff(operator.api) == 0, capsys.readouterr().out


@in_virtual_time
async def test_what_charts_looked_up_as_somebody_else_is_rendered_anew(
    signer: Signer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(helm().parent), prepend=":")
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: found}\n"
        'data: {n: {{ lookup "v1" "Secret" "apps" "none" | len | quote }}}\n'
    )
    files = {"db-1.0.0.tgz": pack_chart("db", {"templates/a.yaml": template})}
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    sources = {"manifests": [{"secretRef": {"name": "release"}, "chart": {"releaseName": "db"}}]}
    async with operating(signer) as operator:
        operator.api.put({**obj("Secret", "release"), "data": data})
        operator.put_app(**sources)
        await operator.until_ready()
        assert await diff(operator.api) == 0
        assert "rendered anew" not in capsys.readouterr().err
        operator.put_app(**sources, suspend=True, serviceAccountName="deployer")
        await diff(operator.api)
        assert "rendered anew" in capsys.readouterr().err

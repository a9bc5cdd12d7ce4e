"""Helm reads nothing that it was not given: no address, no other file, no other process, by whatever a chart holds."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import tarfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from harness.charts import helm, pack_chart
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import chart_archive, charts, helm_files, helm_process, sandbox
from kotsapp.release import helm as runner
from kotsapp.release.archives import MAX_NESTED_ARCHIVES, unpack
from kotsapp.release.charts import ChartRequest
from kotsapp.release.errors import HelmError
from kotsapp.release.helm import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
from harness.listening import Listener

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
VALUES = {"count": "no number", "licenseID": "the-id"}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def without_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a kernel without Landlock and namespaces: what is left is what helm is handed, and how it is called."""
    monkeypatch.setattr(sandbox, "command", lambda command, *_, **__: command)
    monkeypatch.setattr(helm_process, "_NO_PROXY_TO_ANYWHERE", "")


def request_for(data: bytes) -> ChartRequest:
    archive = charts.read_archive(unpack(data, "x"), data, "x")
    assert archive is not None
    return ChartRequest(archive, "rel", "", VALUES, Place("HelmChart x"))


def render(data: bytes) -> str:
    try:
        return runner.render(request_for(data), helm(), "apps").decode()
    except (HelmError, ManifestError) as error:
        return f"refused: {error}"


def referring(reference: str, url: str) -> str:
    return json.dumps({"properties": {"count": {reference: url}}})


def escaped(reference: str, url: str) -> str:
    letter = f"\\u{ord(reference[-1]):04x}"
    return referring(reference, url).replace(f'"{reference}"', f'"{reference[:-1]}{letter}"')


REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef", "$schema"]
DRAFTS = ["", "https://json-schema.org/draft/2019-09/schema", "http://json-schema.org/draft-07/schema#"]


@pytest.mark.parametrize("write", [referring, escaped])
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.usefixtures("without_walls")
def test_no_address_that_a_schema_names_is_asked(listener: Listener, write: Any, reference: str, draft: str) -> None:
    schema = write(reference, f"{listener.url}/schema.json")
    if draft and reference != "$schema":
        schema = f'{{"$schema": "{draft}", {schema[1:]}'
    output = render(pack_chart("demo", {"templates/a.yaml": CONFIG_MAP, "values.schema.json": schema}))
    assert listener.asked == []
    assert "name: rel" in output


@pytest.mark.parametrize(
    "path", ["values.schema.json", "charts/sub/values.schema.json", "charts/a/charts/b/values.schema.json"]
)
@pytest.mark.usefixtures("without_walls")
def test_no_schema_of_a_subchart_is_followed(listener: Listener, path: str) -> None:
    files = {"templates/a.yaml": CONFIG_MAP, path: referring("$ref", f"{listener.url}/s")}
    parts = path.split("/")
    for end in range(2, len(parts), 2):
        name = parts[end - 1]
        files["/".join([*parts[:end], "Chart.yaml"])] = f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"
    render(pack_chart("demo", files))
    assert listener.asked == []


@pytest.mark.usefixtures("without_walls")
def test_no_schema_of_a_packed_subchart_is_followed(listener: Listener) -> None:
    inner = pack_chart("inner", {"values.schema.json": escaped("$ref", f"{listener.url}/s")})
    middle = with_members(pack_chart("middle", {}), {"middle/charts/inner.tgz": inner})
    outer = with_members(pack_chart("demo", {"templates/a.yaml": CONFIG_MAP}), {"demo/charts/middle.tgz": middle})
    assert "name: rel" in render(outer)
    assert listener.asked == []


def with_members(archive: bytes, more: dict[str, bytes], pax: dict[str, str] | None = None) -> bytes:
    """The archive with more members, and a global header before those, if one is given."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:", format=tarfile.GNU_FORMAT) as packed:
        for file in unpack(archive, "x"):
            _add(packed, file.path, file.data)
        if pax:
            header = tarfile.TarInfo.create_pax_global_header(pax)
            target.write(header)
            packed.offset += len(header)
        for path, data in more.items():
            _add(packed, path, data)
    return gzip.compress(target.getvalue())


def _add(packed: tarfile.TarFile, path: str, data: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size = len(data)
    packed.addfile(info, io.BytesIO(data))


GLOBAL_HEADERS = [{"path": "demo/notes.txt"}, {"size": "0"}, {"comment": "x"}, {"path": "demo/x", "size": "0"}]


@pytest.mark.parametrize("pax", GLOBAL_HEADERS)
@pytest.mark.usefixtures("without_walls")
def test_a_global_header_hides_no_schema(listener: Listener, pax: dict[str, str]) -> None:
    """For Python it renames or empties the members behind it; for Go, and so for helm, it does not."""
    plain = pack_chart("demo", {"templates/a.yaml": CONFIG_MAP})
    schema = {"demo/values.schema.json": referring("$ref", f"{listener.url}/s").encode()}
    render(with_members(plain, schema, pax))
    assert listener.asked == []


@pytest.mark.usefixtures("without_walls")
def test_a_global_header_in_a_subchart_hides_no_schema(listener: Listener) -> None:
    schema = {"sub/values.schema.json": referring("$ref", f"{listener.url}/s").encode()}
    inner = with_members(pack_chart("sub", {}), schema, {"path": "sub/notes.txt"})
    outer = pack_chart("demo", {"templates/a.yaml": CONFIG_MAP})
    assert "name: rel" in render(with_members(outer, {"demo/charts/sub.tgz": inner}))
    assert listener.asked == []


def test_helm_gets_an_archive_made_anew_with_files_alone(tmp_path: Path) -> None:
    plain = pack_chart("demo", {"templates/a.yaml": CONFIG_MAP, "templates/" + "n" * 120 + ".yaml": CONFIG_MAP})
    data = with_members(plain, {"demo/values.yaml": b"a: 1"}, {"comment": "x"})
    assert b"pax_global_header" in gzip.decompress(data) or b"comment=x" in gzip.decompress(data)
    helm_files.write_chart(tmp_path, request_for(data))
    handed = (tmp_path / "chart.tgz").read_bytes()
    assert b"comment=x" not in gzip.decompress(handed)
    assert unpack(handed, "x") == unpack(data, "x")


def test_subcharts_in_subcharts_are_unpacked_so_deep_and_no_deeper() -> None:
    for depth, refused in ((2, False), (3, True)):
        chart = pack_chart(f"c{depth}", {"templates/a.yaml": CONFIG_MAP})
        for outer in range(depth - 1, -1, -1):
            inner = {f"c{outer}/charts/c{outer + 1}.tgz": chart}
            chart = with_members(pack_chart(f"c{outer}", {"templates/a.yaml": CONFIG_MAP}), inner)
        assert (f"is an archive in more than {MAX_NESTED_ARCHIVES} others" in render_or_refusal(chart)) is refused


def render_or_refusal(data: bytes) -> str:
    try:
        return render(data)
    except ManifestError as error:
        return str(error)


@pytest.mark.parametrize("name", ["values.json", "secret.txt"])
@pytest.mark.usefixtures("without_walls")
def test_no_file_that_a_schema_names_is_opened(tmp_path: Path, name: str) -> None:
    """Whether it says so or not: helm tells what is wrong with a file that it opened."""
    (tmp_path / name).write_text('{"type": "integer", "title": "the-secret"}')
    for reference in REFERENCES:
        schema = escaped(reference, f"file://{tmp_path}/{name}")
        output = render(pack_chart("demo", {"templates/a.yaml": CONFIG_MAP, "values.schema.json": schema}))
        assert "name: rel" in output


@pytest.mark.parametrize(
    "schema",
    [
        (
            '{"$id": "https://example.com/values.json", "properties": {"count": {"$ref": "#/$defs/n"}},'
            ' "$defs": {"n": {"type": "integer"}}}'
        ),
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"count": {"type": "integer"}}}',
        (
            '{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"count":'
            ' {"$ref": "#/definitions/n"}}, "definitions": {"n": {"type": "integer"}}}'
        ),
        '{"properties": {"count": {"type": "integer"}, "$ref": {"type": "string"}, "id": {"type": "string"}}}',
    ],
)
def test_values_are_still_held_against_a_schema_that_stays_inside(schema: str) -> None:
    output = render(pack_chart("demo", {"templates/a.yaml": CONFIG_MAP, "values.schema.json": schema}))
    assert "want integer" in output


def confined(*command: str) -> tuple[int, str]:
    """What a program can do between the walls alone."""

    async def run() -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={}
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode(errors="replace")

    return asyncio.run(run())


needs_landlock = pytest.mark.skipif(sandbox.landlock_version() < 4, reason="the kernel has no Landlock for the network")


@needs_landlock
def test_the_walls_let_helm_fetch_and_open_nothing(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when a schema were let through that refers to everything."""
    monkeypatch.setattr(chart_archive, "refers_outside", lambda *_: False)
    monkeypatch.setattr(helm_process, "_NO_PROXY_TO_ANYWHERE", "")
    secret = tmp_path / "secret.json"
    secret.write_text('{"type": "integer"}')
    for url in (f"{listener.url}/s", secret.as_uri(), f"file:///proc/{os.getpid()}/cwd/pyproject.toml"):
        output = render(
            pack_chart("demo", {"templates/a.yaml": CONFIG_MAP, "values.schema.json": referring("$ref", url)})
        )
        assert output.startswith("refused: ")
        assert "want integer" not in output
        assert "denied" in output
    assert listener.asked == []


@dataclass
class Answers:
    """What answers look-ups is said to be at ``url``, and ``port`` is open to helm."""

    url: str
    port: int
    secrets: tuple[str, ...] = ()

    def begin(self, _: frozenset[tuple[str, str]]) -> None:
        pass


@needs_landlock
def test_what_answers_look_ups_is_the_one_thing_that_helm_can_connect_to(listener: Listener) -> None:
    request = request_for(pack_chart("demo", {"templates/a.yaml": "{{ lookup `v1` `Secret` `` `` }}"}))

    for port in (1, listener.server_address[1]):
        answers = Answers(f"{listener.url}/the-token", port)
        with pytest.raises(HelmError) as caught:
            runner.render(request, helm(), "apps", Cluster(lookups=answers))
        assert "the-token" not in str(caught.value)
        assert bool(listener.asked) == (port != 1)


def test_what_helm_runs_in_says_its_bounds(tmp_path: Path) -> None:
    script = "ulimit -c; ulimit -d; ulimit -n; ulimit -t; ulimit -f"
    walls = sandbox.Walls(str(tmp_path), memory=64 * 1024 * 1024, seconds=7, file_bytes=1024 * 1024, files=32)
    command = sandbox.command(["/bin/sh", "-c", script], walls)
    code, output = confined(*command)
    assert (code, output.split()) == (0, ["0", str(64 * 1024), "32", "7", str(2 * 1024)])

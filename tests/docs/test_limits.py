"""docs/limits.md: every line of it is a release that is refused with what the line says."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from harness.charts import helm, pack_chart
from harness.licenses import Signer
from harness.packing import member, pack
from kotsapp.cli import main
from kotsapp.release import functions

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
_ROW = re.compile(r"^\| (?P<what>.+?) \| (?P<message>.+?) \| .+ \|$", re.MULTILINE)
ROWS = {row["what"]: row["message"] for row in _ROW.finditer(PAGE.read_text()) if row["message"] != "message"}
CALLS = {what: reported for what, reported in ROWS.items() if re.fullmatch(r"(`\w+`(, )?)+", what)}

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\n"


def calling(text: str) -> bytes:
    return f"{CONFIG_MAP}data: {{it: '{text}'}}\n".encode()


def config(*items: str) -> bytes:
    listed = "".join(f"    - {{{item}}}\n" for item in items)
    head = "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec:\n  groups:\n"
    return f"{head}  - name: g\n    items:\n{listed}".encode()


def helm_chart(version: str = "1.0.0") -> bytes:
    spec = f"spec: {{chart: {{name: it, chartVersion: {version}}}}}"
    return f"apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {{name: it}}\n{spec}\n".encode()


def of_chart(chart_file: str = "", **templates: str) -> dict[str, bytes]:
    plain = "apiVersion: v2\nname: it\nversion: 1.0.0\n"
    files = {"Chart.yaml": plain + chart_file, "templates/it.yaml": CONFIG_MAP, **templates}
    return {"chart.yaml": helm_chart(), "it.tgz": pack_chart("it", files)}


def leading_outside() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../it.yaml"))
    return target.getvalue()


DOMAIN = "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: a}\nspec: {proxyRegistryDomain: '%s'}\n"
SAMPLES: dict[str, dict[str, bytes]] = {
    "a named template (`define`, `template`, `block`)": {"a.yaml": calling('repl{{ template "x" }}')},
    "a function that is neither KOTS's nor sprig's, such as Helm's `include`": {
        "a.yaml": calling('repl{{ include "x" . }}')
    },
    "a call in `proxyRegistryDomain`, `replicatedRegistryDomain` or `proxyPublicImages` of the Application": {
        "a.yaml": (DOMAIN % "repl{{ Namespace }}").encode()
    },
    "a call that does not end": {"a.yaml": calling("repl{{ Namespace")},
    "a loop that does not end": {
        "a.yaml": calling("repl{{ range until 2000000000 }}repl{{ end }}"),
    },
    "a document that is applied and is not YAML": {"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: [\n"},
    "an object without a name": {"a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"},
    "a Config whose items ask for each other in a circle": {
        "config.yaml": config(
            "name: a, type: text, default: '{{repl ConfigOption \"b\" }}'",
            "name: b, type: text, default: '{{repl ConfigOption \"a\" }}'",
        ),
        "a.yaml": CONFIG_MAP.encode(),
    },
    "a required item without a value": {
        "config.yaml": config("name: a, type: text, required: true"),
        "a.yaml": CONFIG_MAP.encode(),
    },
    "a link, a device or a sparse file in an archive": {"r.tgz": pack({}, member("it.yaml", tarfile.SYMTYPE, "/etc"))},
    "a path that leads outside its archive": {"r.tgz": leading_outside()},
    "an archive in a release archive that is no chart": {"r.tgz": pack({"inner.tgz": pack({"a.yaml": b"a: 1\n"})})},
    "an unpacked chart in a release, which KOTS does not install either": {
        "r.tgz": pack({"it/Chart.yaml": b"apiVersion: v2\nname: it\nversion: 1.0.0\n", "a.yaml": CONFIG_MAP.encode()})
    },
    "a HelmChart whose chart is not there in that version": {**of_chart(), "chart.yaml": helm_chart("2.0.0")},
    "a chart without the charts that it depends on": of_chart(
        "dependencies: [{name: db, version: 1.0.0, repository: 'https://charts.vendor.invalid'}]\n"
    ),
    "a chart for another Kubernetes": of_chart("kubeVersion: '>=99.0.0'\n"),
    "a chart that comes to nothing": of_chart(**{"templates/it.yaml": "{{ if .Values.on }}a: 1{{ end }}"}),
}


def reported(folder: Path, files: dict[str, bytes], signer: Signer, capsys: pytest.CaptureFixture[str]) -> str:
    """What ``kotsapp render`` says when it refuses a release."""
    release = folder / "release"
    release.mkdir()
    for name, data in files.items():
        (release / name).write_bytes(data)
    (folder / "license.yaml").write_bytes(signer.sign())
    license = ["--license", str(folder / "license.yaml"), "--trusted-keys", str(signer.folder)]
    assert main(["render", "-f", str(release), *license, "--helm", str(helm()), "--assume", "public"]) == 1
    return capsys.readouterr().err


def test_every_line_has_a_release_and_every_refused_call_a_line() -> None:
    assert set(SAMPLES) | set(CALLS) == set(ROWS)
    assert {name for what in CALLS for name in re.findall(r"`(\w+)`", what)} == set(functions.REFUSED)


def test_the_figures_are_those_of_the_functions_that_there_are() -> None:
    of_sprig = {"env", "expandenv", "getHostByName"}
    refused = set(functions.REFUSED) - of_sprig
    own = {*functions.FUNCTIONS, *functions.ALIASES, *functions.CONSTANTS} | refused
    found = re.search(
        r"Of the (\d+) functions of KOTS's own (\d+) are refused, of the (\d+) of sprig (\d+):", PAGE.read_text()
    )
    assert found is not None
    sprig = functions.SPRIG | of_sprig
    assert tuple(map(int, found.groups())) == (len(own), len(refused), len(sprig), len(of_sprig))


@pytest.mark.parametrize("what", sorted(SAMPLES))
def test_it_is_refused_with_what_the_page_says(
    what: str, tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ROWS[what] in reported(tmp_path, SAMPLES[what], signer, capsys)


@pytest.mark.parametrize("call", sorted(functions.REFUSED))
def test_each_call_is_refused_by_its_name(
    call: str, tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = next(reported for what, reported in CALLS.items() if f"`{call}`" in what)
    found = reported(tmp_path, {"a.yaml": calling(f'repl{{{{ {call} "x" }}}}')}, signer, capsys)
    assert call in found
    assert reason in found

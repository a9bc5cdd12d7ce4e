"""Programs are made once, whole or not at all, and what can't be made is said in one line."""

from __future__ import annotations

import re
import subprocess
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from localworld.programs import apt, binaries, cache, flux, from_debian, from_go, other_release
from localworld.programs.go_module import BuildError, GoModule
from localworld.programs.health import FLUX_HEALTH, KSTATUS, HealthProgram
from localworld.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kotsapp-operator"


def test_what_is_cached_is_not_made_again(own_cache: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "tool").write_text("x")

    first = cache.ensure("tools/v1", ["tool"], make, silent)
    second = cache.ensure("tools/v1", ["tool"], make, silent)

    assert first == second == own_cache / "tools" / "v1"
    assert len(made) == 1


def test_two_that_want_it_at_once_make_it_once(own_cache: Path) -> None:
    made = []
    begun, go_on = threading.Event(), threading.Event()
    said: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder)
        begun.set()
        assert go_on.wait(10)
        (folder / "tool").write_text("x")

    def second_waits(line: str, /) -> None:
        said.append(line)
        go_on.set()

    first = threading.Thread(target=cache.ensure, args=("tools/v1", ["tool"], make, silent))
    first.start()
    assert begun.wait(10)
    second = threading.Thread(target=cache.ensure, args=("tools/v1", ["tool"], make, second_waits))
    second.start()
    first.join(10)
    second.join(10)

    assert len(made) == 1
    assert said == ["another process is making v1, waiting for it"]


def test_a_failed_build_leaves_nothing_that_looks_built(own_cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "tool").write_text("half")
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        cache.ensure("tools/v1", ["tool"], fail, silent)

    left = [entry for entry in (own_cache / "tools").iterdir() if not entry.name.endswith(".lock")]
    assert left == []


def test_a_build_that_forgets_a_program_is_an_error(own_cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"tools/v1 did not produce other"):
        cache.ensure("tools/v1", ["tool", "other"], lambda folder: (folder / "tool").touch(), silent)


def test_named_assets_are_taken_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in binaries.CONTROL_PLANE:
        (tmp_path / program).touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    assert binaries.control_plane(silent) == tmp_path


def test_assets_without_a_controller_manager_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / program).touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    with pytest.raises(binaries.BinariesError, match=r"has no kube-controller-manager: .*unset the variable"):
        binaries.control_plane(silent)


def test_without_go_and_debian_it_says_what_to_install(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(from_go, "toolchain", lambda: None)
    monkeypatch.setattr(from_debian, "possible", lambda: False)

    with pytest.raises(binaries.BinariesError, match=r"install Go 1\.\d+ or newer .*or set KUBEBUILDER_ASSETS"):
        binaries.control_plane(silent)


def test_without_a_recent_go_debians_source_is_built(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(from_go, "toolchain", lambda: None)
    monkeypatch.setattr(from_debian, "possible", lambda: True)

    def build(folder: Path, _say: object) -> None:
        for program in binaries.CONTROL_PLANE:
            (folder / program).touch()

    monkeypatch.setattr(from_debian, "build", build)

    assert binaries.control_plane(silent) == own_cache / "control-plane" / "v1.20.2-debian"


@pytest.mark.parametrize(
    ("printed", "usable"),
    [("go1.19.8", False), ("go1.25.9", False), ("go1.26.0", True), ("go1.27rc1", True), ("devel", False)],
)
def test_a_go_counts_when_it_is_new_enough_for_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, usable: bool
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {printed}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert from_go.toolchain() == (str(go) if usable else None)


@pytest.mark.parametrize("program", [KSTATUS, FLUX_HEALTH], ids=["kstatus", "flux-health"])
def test_without_go_a_health_program_says_so_in_a_line_until_it_is_built(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, program: HealthProgram
) -> None:
    monkeypatch.setenv("PATH", str(own_cache))
    monkeypatch.setattr(GoModule, "toolchain", lambda _module: None)

    assert re.fullmatch(rf"{program.name} can't be built here: install Go 1\.\d+ or newer", program.missing() or "")
    assert not program.cached

    monkeypatch.setattr(GoModule, "toolchain", lambda _module: "go")
    monkeypatch.setattr(GoModule, "build", lambda _module, _go, into, *_: (into / program.name).touch())
    program.ensure(silent)
    monkeypatch.setattr(GoModule, "toolchain", lambda _module: None)

    assert program.cached
    assert program.missing() is None


def test_fluxs_programs_are_built_of_its_own_files_but_for_what_takes_no_git(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GoModule, "toolchain", lambda _module: None)
    with pytest.raises(BuildError, match=r"^Flux can't be built or fetched here: install Go 1\.\d+ or newer$"):
        flux.ensure(silent)
    folder = tmp_path / "source-controller@v1.9.0"
    (folder / "internal/controller").mkdir(parents=True)
    for kind in ("bucket", "gitrepository", "helmchart", "helmrepository", "ocirepository"):
        (folder / f"internal/controller/{kind}_controller.go").touch()

    def build(module: GoModule, _go: str, into: Path, _say: object, programs: Mapping[str, str]) -> None:
        source = module.folder / "source-controller"
        assert [file.name for file in (source / "internal/controller").iterdir()] == ["gitrepository_controller.go"]
        assert "GitRepositoryReconciler" in (source / "main.go").read_text()
        assert module.required("github.com/fluxcd/source-controller") == "v1.9.0"
        assert "=> ./source-controller\n" in (module.folder / "go.mod").read_text()
        for program in programs:
            (into / program).touch()

    monkeypatch.setattr(GoModule, "toolchain", lambda _module: "go")
    monkeypatch.setattr(GoModule, "build", build)
    monkeypatch.setattr(GoModule, "source", lambda _module, _go, _name: folder)
    programs = flux.ensure(silent)

    assert programs.kustomize_controller.is_file()
    assert programs.source_controller.is_file()
    assert programs.sops.is_file()
    assert programs.age_keygen.is_file()


def test_a_modules_files_are_fetched_where_no_build_has_fetched_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real go, with a module cache that is empty and a proxy that is a folder."""
    versions = tmp_path / "proxy/example.invalid/tool/@v"
    versions.mkdir(parents=True)
    (versions / "v1.2.3.mod").write_text("module example.invalid/tool\n")
    (versions / "v1.2.3.info").write_text('{"Version": "v1.2.3"}')
    with zipfile.ZipFile(versions / "v1.2.3.zip", "w") as packed:
        packed.writestr("example.invalid/tool@v1.2.3/config/tool.yaml", "kind: Tool")
    module = GoModule(tmp_path / "module")
    module.folder.mkdir()
    (module.folder / "go.mod").write_text("module own.invalid\n\ngo 1.20\n\nrequire example.invalid/tool v1.2.3\n")
    go = module.toolchain()
    if go is None:
        pytest.skip("no Go on this machine")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOPROXY", (tmp_path / "proxy").as_uri())
    monkeypatch.setenv("GONOSUMDB", "*")

    assert (module.source(go, "example.invalid/tool") / "config/tool.yaml").read_text() == "kind: Tool"
    with pytest.raises(BuildError, match=r"^finding the files of example\.invalid/other: "):
        module.source(go, "example.invalid/other")
    subprocess.run([go, "clean", "-modcache"], check=True)


def test_a_missing_tool_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(apt.AptError, match=r"^no-such-tool is missing: .*apt-get install some-package"):
        apt.install("no-such-tool", "some-package", silent)


def test_the_modules_staging_versions_follow_the_pinned_release() -> None:
    text = (from_go.MODULE.folder / "go.mod").read_text()
    release = from_go.kubernetes_version().removeprefix("v1.")

    replaced = re.findall(r"^\t(k8s\.io/[a-z-]+) => (k8s\.io/[a-z-]+) v0\.(\S+)$", text, re.MULTILINE)

    assert len(replaced) > 25
    assert {version for _, _, version in replaced} == {release}
    assert all(old == new for old, new, _ in replaced)


OWN = """\
// This is a generated file.
module k8s.io/kubernetes

go 1.24.0

require (
\tgithub.com/google/cel-go v0.26.0
\tk8s.io/api v0.0.0
\tk8s.io/klog/v2 v2.130.1
)

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
)
"""
MADE = """\
// This is a generated file.
module kotsapp.dev/localworld/kubernetes

go 1.24.0

require (
\tgithub.com/google/cel-go v0.26.0
\tk8s.io/api v0.34.4
\tk8s.io/klog/v2 v2.130.1
)

replace (
\tk8s.io/api => k8s.io/api v0.34.4
)

require k8s.io/kubernetes v1.34.4
"""


def test_another_release_is_built_by_its_own_pins() -> None:
    assert other_release.go_mod(OWN, "v1.34.4") == MADE


@pytest.mark.parametrize(
    ("value", "built", "emulated"),
    [
        ("", None, None),
        (from_go.kubernetes_version(), None, None),
        (from_go.kubernetes_version()[1:], None, None),
        ("1.34.4", "v1.34.4", None),
        ("v1.31.13", "v1.31.13", None),
        ("1.34", None, "1.34"),
        (from_go.kubernetes_version()[1:].rpartition(".")[0], None, None),
    ],
)
def test_which_release_is_meant_is_read_from_the_environment(
    value: str, built: str | None, emulated: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(other_release.VARIABLE, value)
    assert (other_release.wanted(), other_release.emulated()) == (built, emulated)


def test_what_is_no_release_is_told_with_how_one_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(other_release.VARIABLE, "latest")
    with pytest.raises(BuildError, match=r"KUBERNETES=latest is no Kubernetes release; it is written like 1\.34\.4"):
        other_release.wanted()

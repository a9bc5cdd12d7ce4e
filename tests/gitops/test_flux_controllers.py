"""docs/gitops.md with Flux's own source- and kustomize-controller, at work on the page's repository as it stands there.

`make gitops` runs this and shows Flux's Ready condition beside the app's own, commit by commit.
"""

import time

import yaml

from harness.apps import PRIVATE, config_map, deployment
from harness.flux import page_objects
from harness.flux_page import OPERATOR, Page, first_release, release
from harness.gitops_page import APP, changed
from harness.packing import pack
from harness.waiting import until

BROKEN = "kind: ["
NOT_THERE = "quay.io/my-org/api:v9.9.9"


def test_the_pages_layout_is_installed_from_nothing(page: Page) -> None:
    assert "DependencyNotReady" in {e["reason"] for e in page.flux.events(APP)}, "the app waits for the operator"
    assert "_kotsapps.kotsapp.dev_apiextensions.k8s.io_CustomResourceDefinition" in page.flux.inventory(OPERATOR)
    assert page.tenant.images(APP)[PRIVATE]["verdict"] == "Private"
    assert page.tenant.get("secrets", "my-license")["data"]["license.yaml"], "decrypted by Flux"


def test_children_are_not_claimed_by_flux(page: Page) -> None:
    kinds = {id_.rsplit("_", 1)[1] for id_ in page.flux.inventory()}
    assert kinds == {"ConfigMap", "Secret", "KotsApp"}
    assert len(page.flux.inventory()) == 3
    labels = page.tenant.get("deployments", "web")["metadata"]["labels"]
    assert not [name for name in labels if "fluxcd" in name]


def test_a_bad_commit_is_told_at_once_and_a_mended_one_goes_through(page: Page) -> None:
    pods = {pod["metadata"]["uid"] for pod in page.tenant.all("pods")}

    bad = page.commit(BROKEN)
    assert (bad["status"], bad["reason"]) == ("False", "HealthCheckFailed")
    assert "KotsApp/apps/my-kots-app status: 'Failed'" in bad["message"]
    assert "app.yaml" in page.tenant.condition(APP)["message"]
    assert {pod["metadata"]["uid"] for pod in page.tenant.all("pods")} == pods, "what ran runs on"

    mended = page.commit(release(deployment("web", PRIVATE), config_map("other", version="2")))
    assert mended["status"] == "True"
    assert page.tenant.get("configmaps", "other")["data"] == {"version": "2"}
    assert not page.tenant.get("configmaps", "settings"), "what left the vendor's manifests is pruned"
    assert {pod["metadata"]["uid"] for pod in page.tenant.all("pods")} == pods


def test_a_suspended_app_holds_no_commit_up(page: Page) -> None:
    changed(page.folder, suspend=True)
    assert page.pushed()["status"] == "True", "it was Ready when it was suspended"

    changed(page.folder, suspend=False)
    assert page.commit(BROKEN)["status"] == "False"
    changed(page.folder, suspend=True)
    assert page.pushed()["reason"] == "HealthCheckFailed", "at once, not after the timeout"

    changed(page.folder, suspend=False)
    assert page.commit(first_release())["status"] == "True"


def test_a_suspended_kustomization_stops_git_alone(page: Page) -> None:
    page.flux.change("Kustomization", APP, suspend=True)
    (page.folder / "release/app.yaml").write_text(release(config_map("settings", version="2")))
    revision = page.flux.pushed()
    page.flux.settled(revision, OPERATOR)

    page.tenant.kubectl("patch", "configmap", "settings", "--type=merge", '--patch={"data":{"version":"drift"}}')
    until(
        lambda: page.tenant.get("configmaps", "settings")["data"] == {"version": "1"},
        "the operator repairs drift, to what is in the cluster",
    )

    page.flux.change("Kustomization", APP, suspend=False)
    assert page.told(page.flux.settled(revision))["status"] == "True"
    assert page.tenant.get("configmaps", "settings")["data"] == {"version": "2"}


def test_workloads_that_stay_unhealthy_are_waited_for_and_a_mended_commit_with_them(page: Page) -> None:
    """Flux sees a commit when it is done with the one before: here after its timeout."""
    page.flux.change("Kustomization", APP, timeout="25s")
    changed(page.folder, timeout="5s")
    began = time.monotonic()

    bad = page.commit(release(deployment("web", NOT_THERE)))

    assert bad["reason"] == "HealthCheckFailed"
    assert "timeout" in bad["message"]
    assert time.monotonic() - began > 25
    assert page.tenant.condition(APP)["reason"] == "ImagesNotPullable"
    assert page.commit(first_release())["status"] == "True"


def test_the_pages_expressions_fail_unhealthy_workloads_at_once(page: Page) -> None:
    (with_expressions,) = page_objects("healthCheckExprs:")
    names = ("wait", "healthCheckExprs")
    page.flux.change("Kustomization", APP, healthChecks=None, **{n: with_expressions["spec"][n] for n in names})
    changed(page.folder, timeout="5s")

    bad = page.commit(release(deployment("web", NOT_THERE)))

    assert bad["reason"] == "HealthCheckFailed"
    assert "status: 'Failed'" in bad["message"]
    assert page.tenant.condition(APP)["reason"] == "ImagesNotPullable"
    assert page.commit(first_release())["status"] == "True"


def test_a_license_that_comes_later_is_a_failure_until_flux_tries_again(page: Page) -> None:
    page.flux.delete("Kustomization", APP)
    until(page.app_is_gone, "the app is gone", 60)
    _resources(page, "kotsapp.yaml")
    page.flux.apply(
        *(obj | {"spec": obj["spec"] | {"retryInterval": "5s"}} for obj in page_objects("decryption:")[-1:])
    )

    early = page.pushed()
    assert early["reason"] == "HealthCheckFailed"
    assert page.tenant.condition(APP)["reason"] == "LicenseNotFound"

    page.tenant.put_license()
    revision = page.flux.get("Kustomization", APP)["status"]["lastAttemptedRevision"]
    until(lambda: page.flux.settled(revision)["status"] == "True", "Flux has tried again", 60)
    assert page.tenant.condition(APP)["status"] == "True"
    page.tenant.kubectl("delete", "secret", "my-license")


def test_what_leaves_git_is_cleaned_up_behind_by_the_operator(page: Page) -> None:
    page.flux.change("Kustomization", APP, healthChecks=None, wait=True)
    _resources(page)
    assert page.pushed()["status"] == "True"
    until(page.app_is_gone, "the app is gone", 60)
    assert not page.tenant.get("deployments", "web")
    assert not page.tenant.get("configmaps", "settings")


def test_a_health_check_of_an_app_that_left_git_holds_the_kustomization_up(page: Page) -> None:
    page.flux.change("Kustomization", APP, timeout="10s")
    _resources(page)

    left = page.pushed()

    assert left["reason"] == "HealthCheckFailed"
    assert "status: 'NotFound'" in left["message"]
    assert page.app_is_gone()


def test_an_app_that_is_not_to_be_pruned_stays_with_what_it_runs(page: Page) -> None:
    document = yaml.safe_load((page.folder / "kotsapp.yaml").read_text())
    document["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    (page.folder / "kotsapp.yaml").write_text(yaml.safe_dump(document))
    assert page.pushed()["status"] == "True"

    _resources(page, "license.sealed.yaml")
    assert page.pushed()["status"] == "True"
    assert not page.tenant.app(APP)["metadata"].get("deletionTimestamp")
    assert page.tenant.get("deployments", "web")
    page.tenant.kubectl("delete", "kotsapp", APP, "--timeout=60s")


def test_flux_can_wait_until_the_operator_has_cleaned_up(page: Page) -> None:
    page.flux.change("Kustomization", APP, deletionPolicy="WaitForTermination")
    assert page.operator is not None
    page.operator.pause()
    try:
        page.flux.delete("Kustomization", APP)
        until(lambda: page.tenant.app(APP)["metadata"].get("deletionTimestamp"), "the app is being deleted", 60)
        assert page.flux.get("Kustomization", APP), "held by its own finalizer"
    finally:
        page.operator.resume()
    until(lambda: not page.flux.get("Kustomization", APP), "the Kustomization is gone", 60)
    assert page.app_is_gone()
    assert not page.tenant.get("deployments", "web")


def test_substitution_reaches_the_vendors_manifests_unless_it_is_told_not_to(page: Page) -> None:
    page.flux.change("Kustomization", APP, postBuild={"substitute": {"REGION": "here"}})
    shell = release(config_map("settings", script="cp ${SOURCE} ${REGION}"))
    assert page.commit(shell)["status"] == "False", "a variable that nobody gave"

    file = page.folder / "kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text())
    annotations = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    kustomization["configMapGenerator"][0]["options"] = {"annotations": annotations}
    file.write_text(yaml.safe_dump(kustomization))
    assert page.pushed()["status"] == "True"
    assert page.tenant.get("configmaps", "settings")["data"] == {"script": "cp ${SOURCE} ${REGION}"}


def test_an_archive_reaches_the_app_as_tgz_and_not_as_tar_gz(page: Page) -> None:
    """Flux's source controller leaves *.tar.gz out of what it fetches."""
    archive = pack({"app.yaml": release(config_map("settings", version="packed")).encode()})
    for name, applied in (("release.tar.gz", False), ("release.tgz", True)):
        (page.folder / "release" / name).write_bytes(archive)
        file = page.folder / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        kustomization["configMapGenerator"][0]["files"] = [f"release/{name}"]
        file.write_text(yaml.safe_dump(kustomization))
        ready = page.pushed()
        assert (ready["status"] == "True") is applied, ready
        assert applied or f"release/{name}" in ready["message"]
    assert page.tenant.get("configmaps", "settings")["data"] == {"version": "packed"}


def _resources(page: Page, *names: str) -> None:
    """Only these files are resources from now on; what is generated stays."""
    file = page.folder / "kustomization.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"resources": list(names)}))

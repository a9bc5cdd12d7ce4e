"""docs/gitops.md with Flux's own source- and kustomize-controller, at work on the page's repository as it stands there.

`make gitops` runs this and shows Flux's Ready condition beside the app's own, commit by commit.
"""

from harness.apps import PRIVATE, config_map, deployment
from harness.flux_page import OPERATOR, Page, first_release, release
from harness.gitops_page import APP, changed
from harness.waiting import until

BROKEN = "kind: ["


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

"""A chart's new version is an upgrade: what it looks up is there, and its hooks run once (DESIGN 6.5)."""

import base64
import copy
import gzip
from typing import Any

import yaml

from harness.apps import PUBLIC, Tenant
from harness.charts import pack_chart
from harness.deployer import make_deployer
from harness.running import Operator
from harness.waiting import stays, until
from localworld.world import World

STATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: state}
data:
  version: "{{ .Chart.Version }}"
  install: "{{ .Release.IsInstall }}"
  upgrade: "{{ .Release.IsUpgrade }}"
"""


def job(name: str, events: str) -> str:
    return f"""
---
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}, annotations: {{helm.sh/hook: "{events}"}}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: run, image: "{PUBLIC}"}}]}}}}}}
"""


def put(tenant: Tenant, template: str, version: str = "1.0.0", note: str = "", **spec: Any) -> None:
    """The app ``db`` with one chart in this version; ``note`` is in a plain object beside it."""
    chart: dict[str, Any] = {"name": "db", "chartVersion": version, "releaseName": "db"}
    helm_chart = {
        "apiVersion": "kots.io/v1beta1",
        "kind": "HelmChart",
        "metadata": {"name": "db"},
        "spec": {"chart": chart},
    }
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"note": note}}
    files = {
        "chart.yaml": yaml.safe_dump_all([helm_chart, plain]).encode(),
        # The same chart is the same archive, byte by byte.
        "db.tgz": gzip.compress(gzip.decompress(pack_chart("db", {"templates/all.yaml": template}, version)), mtime=0),
    }
    tenant.put_secret("release", files)
    sources = [{"secretRef": {"name": "release"}}]
    tenant.put_app_spec("db", {"license": {"secretRef": {"name": "my-license"}}, "manifests": sources, **spec})


def state(tenant: Tenant) -> dict[str, str]:
    return copy.deepcopy(tenant.get("configmaps", "state").get("data") or {})


def reported(tenant: Tenant, version: str, how: str) -> bool:
    return state(tenant) == {
        "version": version,
        "install": str(how == "install").lower(),
        "upgrade": str(how == "upgrade").lower(),
    }


def uid(tenant: Tenant, name: str) -> str:
    return str((tenant.get("jobs", name).get("metadata") or {}).get("uid"))


def wait_rendered(tenant: Tenant, revision: int) -> None:
    until(lambda: tenant.status("db").get("release", {}).get("revision") == revision, f"revision {revision}", 60)
    tenant.wait_ready("db", 60)


def test_hooks_for_upgrades_run_once_at_the_upgrade_and_hooks_for_installs_at_the_install(
    tenant: Tenant, operator: Operator
) -> None:
    template = STATE + job("up", "pre-upgrade") + job("in", "pre-install") + job("both", "pre-install,pre-upgrade")
    put(tenant, template)
    tenant.wait_ready("db", 60)
    assert reported(tenant, "1.0.0", "install")
    assert not tenant.get("jobs", "up")
    installed, both = uid(tenant, "in"), uid(tenant, "both")

    put(tenant, template, note="another")
    wait_rendered(tenant, 2)
    assert reported(tenant, "1.0.0", "upgrade")
    assert not tenant.get("jobs", "up"), "the chart has not changed"

    put(tenant, template, "1.1.0", note="another")
    wait_rendered(tenant, 3)
    assert reported(tenant, "1.1.0", "upgrade")
    assert tenant.get("jobs", "up")["status"]["succeeded"] == 1
    first = uid(tenant, "up")

    operator.kill()
    operator.start()
    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", "kotsapp.dev/requestedAt=now")
    until(lambda: tenant.status("db").get("lastHandledRequestedAt") == "now", "it was looked at again")
    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", "kotsapp.dev/renderAt=now")
    wait_rendered(tenant, 4)
    stays(lambda: uid(tenant, "up") == first, "it runs once", 2)

    put(tenant, template, "1.2.0", note="another")
    wait_rendered(tenant, 5)
    assert uid(tenant, "up") != first, "the same Job for another upgrade"
    assert (uid(tenant, "in"), uid(tenant, "both")) == (installed, both)


def test_an_install_that_did_not_come_to_its_end_is_installed_once_more(tenant: Tenant) -> None:
    blocked = job("in", "pre-install").replace(
        "containers:", "activeDeadlineSeconds: 1, nodeSelector: {no: node}, containers:"
    )
    put(tenant, STATE + blocked + job("up", "pre-upgrade"))
    until(lambda: tenant.get("jobs", "in"), "the hook is there", 60)
    assert not state(tenant)

    put(tenant, STATE + job("in", "pre-install") + job("up", "pre-upgrade"))

    until(lambda: reported(tenant, "1.0.0", "install"), "it is installed", 60)
    assert not tenant.get("jobs", "up")


PASSWORD = """
{{- $old := lookup "v1" "Secret" .Release.Namespace "password" }}
apiVersion: v1
kind: Secret
metadata: {name: password}
data:
  kept: {{ if $old }}{{ index $old.data "kept" }}{{ else }}{{ randAlphaNum 16 | b64enc }}{{ end }}
  drawn: {{ randAlphaNum 16 | b64enc }}
---
"""


def passwords(tenant: Tenant) -> tuple[str, str]:
    data = tenant.get("secrets", "password")["data"]
    return data["kept"], data["drawn"]


def test_what_a_chart_looks_up_is_kept_through_an_upgrade_and_what_it_draws_is_not(tenant: Tenant) -> None:
    put(tenant, PASSWORD + STATE)
    tenant.wait_ready("db", 60)
    kept, drawn = passwords(tenant)

    put(tenant, PASSWORD + STATE, "1.1.0")
    wait_rendered(tenant, 2)
    assert reported(tenant, "1.1.0", "upgrade")
    assert passwords(tenant)[0] == kept
    assert passwords(tenant)[1] != drawn

    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", "kotsapp.dev/renderAt=now")
    wait_rendered(tenant, 3)
    assert passwords(tenant)[0] == kept

    tenant.kubectl("delete", "secrets", "--field-selector", "type=kotsapp.dev/release.v1")
    tenant.kubectl("annotate", "--overwrite", "kotsapp/db", "kotsapp.dev/requestedAt=now")
    wait_rendered(tenant, 4)
    assert reported(tenant, "1.1.0", "upgrade"), "the app has been there before"
    assert passwords(tenant)[0] == kept


def seen(namespace: str, name: str) -> str:
    found = f'{{{{ (lookup "v1" "Secret" "{namespace}" "{name}").data | default dict | toJson | quote }}}}'
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: seen}}\ndata: {{found: {found}}}\n"


def test_the_secrets_of_others_are_not_found_and_an_account_finds_what_it_may_read(
    world: World, tenant: Tenant, operator: Operator
) -> None:
    other = Tenant.make(world, tenant.signer)
    for owner in (tenant, other):
        owner.put_secret("precious", {"a": "do-not-tell"})
    for owner in (other, tenant):
        put(tenant, seen(owner.namespace, "precious"))
        tenant.wait_ready("db", 60)
        until(lambda: tenant.get("configmaps", "seen").get("data") == {"found": "{}"}, "nothing was found")

    account = make_deployer(tenant, everywhere=False)
    put(tenant, seen(tenant.namespace, "precious"), serviceAccountName=account)
    value = base64.b64encode(b"do-not-tell").decode()
    until(lambda: value in tenant.get("configmaps", "seen")["data"]["found"], "its account may read it", 60)

    put(tenant, seen(other.namespace, "precious"), serviceAccountName=account)
    message = tenant.wait_reason("db", "InvalidManifest", 60)["message"]
    assert 'secrets "precious" is forbidden' in message
    assert account in message
    assert "do-not-tell" not in operator.said()

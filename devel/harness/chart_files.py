"""What the Helm chart holds of the other way to install, written by ``python -m harness.chart_files``.

Copies, not links: helm tells of each link at each installation, and some checkouts have none.
"""

from pathlib import Path

from harness.running import ROOT

FOLDER = ROOT / "deploy" / "chart" / "files"
# Where each is written by hand, or by another program.
SOURCES: dict[str, Path] = {
    "dashboard.json": ROOT / "deploy/components/monitoring/dashboard.json",
    "kotsapps.kotsapp.dev.yaml": ROOT / "crds/kotsapps.kotsapp.dev.yaml",
    "pods-policy.yaml": ROOT / "deploy/components/pods/policy.yaml",
    "pods-rbac.yaml": ROOT / "deploy/components/pods/rbac.yaml",
    "prometheusrule.yaml": ROOT / "deploy/components/monitoring/prometheusrule.yaml",
    "rbac.yaml": ROOT / "deploy/base/rbac.yaml",
}


if __name__ == "__main__":
    for name, source in SOURCES.items():
        (FOLDER / name).unlink(missing_ok=True)
        (FOLDER / name).write_bytes(source.read_bytes())

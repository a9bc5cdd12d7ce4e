"""An example or two for each command, at the end of its help."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

EXAMPLES = {
    "run": ("kotsapp run -n apps --log-format json",),
    "pull": (
        "kotsapp pull --license license.yaml --version 1.4.2 --to release/",
        "kotsapp pull --license license.yaml oci://registry.replicated.com/my-app/stable/my-chart --version 1.x",
    ),
    "probe": ("kotsapp probe quay.io/my-org/api:v1", "kotsapp probe -f release/ --license license.yaml -o json"),
    "license": ("kotsapp license verify license.yaml",),
    "license verify": (
        "kotsapp license verify *.yaml --within 30d",
        "kubectl get secret my-license -o jsonpath='{.data.license\\.yaml}' | base64 -d | kotsapp license verify -",
    ),
    "license sign": ("kotsapp license sign license.yaml --keys keys/ > signed.yaml",),
    "config": ("kotsapp config release/", "kotsapp config release/ -o yaml > values.yaml"),
    "lint": ("kotsapp lint release/", "kotsapp lint release/ -o sarif > findings.sarif"),
    "render": (
        "kotsapp render -f release/ --license license.yaml -n apps | kubectl apply -f -",
        "kotsapp render -f release/ --license license.yaml --assume private --kustomize --to out/",
    ),
    "completion": ("source <(kotsapp completion bash)", "kotsapp completion fish | source"),
}


class Help(RawDescriptionHelpFormatter):
    """Wraps the description as argparse does, and leaves examples on their lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("Example"):
            return super()._fill_text(text, width, indent)
        return super(RawDescriptionHelpFormatter, self)._fill_text(text, width, indent)


def with_examples(command: str) -> dict[str, Any]:
    """Arguments of a parser that end its help with the command's examples."""
    examples = EXAMPLES[command]
    head = "Example:" if len(examples) == 1 else "Examples:"
    return {"epilog": "\n  ".join([head, *examples]), "formatter_class": Help}

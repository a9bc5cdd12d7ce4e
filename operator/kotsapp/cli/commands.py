"""The commands and what each is for: enough for ``kotsapp --help``, which then imports none of them."""

COMMANDS = {
    "run": "run the operator",
    "pull": "fetch the vendor's release with the license",
    "probe": "find out which images are private, and what the license opens",
    "license": "check a license file, or sign one with your own keys",
    "config": "list what a release asks for, or print a file to answer it with",
    "lint": "check a release without a license: every document, call, chart and image",
    "render": "rewrite manifests as the operator would, without a cluster",
    "completion": "print the completion script for bash, zsh or fish",
}

# Those of ``kubectl kotsapp``, which people type here, too.
PLUGIN_VERBS = (
    "get",
    "status",
    "images",
    "why",
    "events",
    "tree",
    "diff",
    "history",
    "report",
    "retry",
    "rerender",
    "suspend",
    "resume",
)

"""The answers to a release's Config that commands are given."""

from collections.abc import Iterable
from pathlib import Path

from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.files import read_file
from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.limits import MAX_SOURCE_BYTES
from kotsapp.release import config_values
from kotsapp.release.config_values import Answers


def read_answers(paths: Iterable[str]) -> Answers:
    """The answers in ConfigValues documents or plain maps, later files over earlier ones. Raises CommandError."""
    try:
        return config_values.merged(
            config_values.read(documents.read_mapping(read_file(Path(path), MAX_SOURCE_BYTES), path), Place(path))
            for path in paths
        )
    except ManifestError as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None

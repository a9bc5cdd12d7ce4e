"""What commands make of the files that they are given: the release and the license."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePath

from kotsapp.cli.errors import EXIT_PROBLEM, CommandError
from kotsapp.cli.files import read_file
from kotsapp.license import License, LicenseError, LicenseReason, TrustedKeys, TrustedKeysError, load
from kotsapp.license.document import MAX_BYTES
from kotsapp.manifests import documents
from kotsapp.manifests.errors import ManifestError
from kotsapp.redact import current
from kotsapp.release import installation
from kotsapp.release.config_result import ConfigIncompleteError
from kotsapp.release.context import ReleaseVersion
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.filling import CallsError, Drawn
from kotsapp.release.reader import Release, SourceFile
from kotsapp.release.renderer import Renderer

# kubectl's own, where none is given.
DEFAULT_NAMESPACE = "default"


def read_release(
    renderer: Renderer,
    files: Sequence[SourceFile],
    local_images: Mapping[str, str] | None = None,
    kept: Drawn | None = None,
) -> Release:
    """The release, charts included; ``local_images`` are what ``LocalImageName`` answers, ``kept`` is what was drawn.

    Raises CommandError.
    """
    try:
        release = renderer.read(files, local_images, kept)
        return renderer.with_unhandled(renderer.with_charts(release))
    except ConfigIncompleteError as error:
        raise CommandError("\n".join(map(str, error.problems)), EXIT_PROBLEM) from None
    except CallsError as error:
        raise CommandError("\n".join(map(str, error.failures)), EXIT_PROBLEM) from None
    except (ManifestError, HelmMissingError, HelmError) as error:
        raise CommandError(str(error), EXIT_PROBLEM) from None


def read_license(file: str, trusted_keys: str | None, *, even_expired: bool = False) -> License:
    """The license, verified and, unless ``even_expired``, not expired. Raises CommandError."""
    data = read_file(Path(file), MAX_BYTES)
    try:
        license = load(data, TrustedKeys.load(trusted_keys))
    except TrustedKeysError as error:
        raise CommandError(str(error)) from None
    except LicenseError as error:
        raise CommandError(f"{file}: {error.reason}: {error.message}", EXIT_PROBLEM) from None
    current().learn("license", license.secrets())
    if not even_expired:
        refuse_expired(license, file)
    return license


def refuse_expired(license: License, file: str) -> None:
    """Raises CommandError once the license's time is over."""
    if license.expired(datetime.now(UTC)):
        message = "its time is over, so nothing is rendered with it; ask the vendor for a new one"
        raise CommandError(f"{file}: {LicenseReason.EXPIRED}: {message}", EXIT_PROBLEM)


def version_of(files: Sequence[SourceFile]) -> ReleaseVersion:
    """Which release the files are, by the Installation document among them; one that says nothing without it.

    What can't be read is reported where manifests are read.
    """
    for file in files:
        if PurePath(file.name).name == installation.FILE_NAME:
            with suppress(ManifestError):
                found = installation.version(documents.read_mapping(file.data, file.origin))
                if found is not None:
                    return found
    return ReleaseVersion()

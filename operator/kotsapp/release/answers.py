"""What went wrong with a release, as a value that comes out of another process."""

from dataclasses import dataclass

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release.config_result import ConfigIncompleteError, ConfigResult
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.store import StoredReleaseError

_MANIFEST, _HELM, _HELM_MISSING, _STORED = "manifest", "helm", "helm missing", "stored release"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of which the message is for the app's author: nothing else comes out of a reader."""

    kind: str
    message: str
    origin: str = ""
    document: int = 0
    line: int = 0
    config: ConfigResult | None = None

    @classmethod
    def of(cls, error: Exception) -> "Failure | None":
        """None for an error that is nobody's but this program's."""
        match error:
            case ManifestError():
                place = error.place
                config = error.result if isinstance(error, ConfigIncompleteError) else None
                return cls(_MANIFEST, error.problem, place.origin, place.document, place.line, config)
            case HelmError():
                return cls(_HELM, str(error))
            case HelmMissingError():
                return cls(_HELM_MISSING, str(error))
            case StoredReleaseError():
                return cls(_STORED, str(error))
        return None

    def error(self) -> Exception:
        match self.kind:
            case "manifest" if self.config is not None:
                return ConfigIncompleteError(self.config)
            case "manifest":
                return ManifestError(Place(self.origin, self.document, self.line), self.message)
            case "helm":
                return HelmError(self.message)
            case "stored release":
                return StoredReleaseError(self.message)
        return HelmMissingError(self.message)

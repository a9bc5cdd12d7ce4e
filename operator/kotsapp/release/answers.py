"""What went wrong with a release, as a value that comes out of another process."""

from dataclasses import dataclass

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release.calls import ConfigIncompleteError
from kotsapp.release.config import ItemProblem
from kotsapp.release.errors import HelmError, HelmMissingError

_MANIFEST, _HELM, _HELM_MISSING = "manifest", "helm", "helm missing"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of which the message is for the app's author: nothing else comes out of a reader."""

    kind: str
    message: str
    origin: str = ""
    document: int = 0
    line: int = 0
    problems: tuple[ItemProblem, ...] = ()

    @classmethod
    def of(cls, error: Exception) -> "Failure | None":
        """None for an error that is nobody's but this program's."""
        match error:
            case ManifestError():
                place = error.place
                problems = error.problems if isinstance(error, ConfigIncompleteError) else ()
                return cls(_MANIFEST, error.problem, place.origin, place.document, place.line, problems)
            case HelmError():
                return cls(_HELM, str(error))
            case HelmMissingError():
                return cls(_HELM_MISSING, str(error))
        return None

    def error(self) -> Exception:
        match self.kind:
            case "manifest":
                place = Place(self.origin, self.document, self.line)
                return (
                    ConfigIncompleteError(place, self.problems) if self.problems else ManifestError(place, self.message)
                )
            case "helm":
                return HelmError(self.message)
        return HelmMissingError(self.message)

"""Records what a check finds, as it finds it."""

from kotsapp.lint.findings import Entry, Finding, Level
from kotsapp.lint.places import Places
from kotsapp.lint.unknowns import Unknowns, described
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release.filling import Failure


class Recorder:
    """``whole`` says that all could be looked at, so that what is not there is known to be missing."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.findings: list[Finding] = []
        self.entries: list[Entry] = []
        self.unknowns = Unknowns()
        self.whole = True

    def add(self, rule: str, level: Level, message: str, place: Place) -> None:
        self.findings.append(Finding(rule, level, message, self.places.locate(place)))

    def stop(self, rule: str, error: ManifestError) -> None:
        """An error behind which something could not be looked at."""
        self.whole = False
        self.add(rule, Level.ERROR, error.problem, error.place)

    def failed(self, rule: str, level: Level, failure: Failure, text: str, place: Place) -> None:
        """A call of ``text`` that can't be filled in: a note where that may be for want of what isn't known here."""
        unknown = self.unknowns.asked_for_in(text)
        message = failure.problem
        if unknown:
            level, message = Level.NOTE, f"{message}; but {described(unknown)}"
        self.add(rule, level, message, place)

    def list(self, kind: str, what: str, use: str, place: Place) -> None:
        self.entries.append(Entry(kind, what, use, self.places.locate(place)))

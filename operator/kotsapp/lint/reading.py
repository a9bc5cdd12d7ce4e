"""A release read as far as it goes: the steps of the pipeline, each of which reports a fault and goes on behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kotsapp.images.domains import CustomDomains, resolve_domains
from kotsapp.lint import config as config_checks
from kotsapp.lint.findings import Level, Location
from kotsapp.lint.places import line_of
from kotsapp.lint.recorder import Recorder
from kotsapp.lint.unknowns import described, found_in, unknowns_of, without_license
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.documents import Document
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import calls, files, parts, raw, reader, roles
from kotsapp.release.annotations import included, name
from kotsapp.release.budget import PACKED
from kotsapp.release.calls import FilledRelease
from kotsapp.release.charts import ChartArchive
from kotsapp.release.config_document import Config
from kotsapp.release.errors import HelmError, HelmMissingError
from kotsapp.release.files import SourceFile, TextFile
from kotsapp.release.filler import Filling
from kotsapp.release.kots import Application
from kotsapp.release.parts import WholeFile
from kotsapp.release.raw import Opened, RawDocument, Texts
from kotsapp.release.roles import Role
from kotsapp.release.sorter import Sorter

_ROLES = {
    Role.APPLIED: "applied",
    Role.APPLICATION: "read: the app's settings",
    Role.CHART: "read: installs a chart",
    Role.CONFIG: "read: asks for values",
    Role.CONFIG_VALUES: "read: answers the Config",
    Role.SUPPORT: "not applied: for support",
    Role.OTHER: "not applied",
}
LEFT_OUT = "left out: excluded"


@dataclass(frozen=True, slots=True)
class ReadObject:
    """An object with the document that it is of, and its text as it was read: its calls filled in."""

    document: Document
    raw: RawDocument
    text: str

    @property
    def is_applied(self) -> bool:
        return roles.role_of(self.document.value) is Role.APPLIED


class Reading:
    """The steps, in the order in which they are taken."""

    def __init__(self, recorder: Recorder, filling: Filling, budget: Budget) -> None:
        self.recorder = recorder
        self._filling = filling
        self._budget = budget
        self._reading = Texts(budget)

    def expanded(self, sources: Sequence[SourceFile]) -> tuple[list[TextFile], list[ChartArchive]]:
        texts: list[TextFile] = []
        archives: list[ChartArchive] = []
        for whole in self._joined(sources):
            try:
                more, charts = files.expand_one(whole, self._budget)
            except ManifestError as error:
                self.recorder.stop("file", error)
            else:
                texts += more
                archives += charts
        return texts, archives

    def _joined(self, sources: Sequence[SourceFile]) -> list[WholeFile]:
        """The files that are within what is read at all, parts put together; without the parts where that fails."""
        within: list[SourceFile] = []
        for source in sources:
            try:
                self._budget.take(PACKED, len(source.data), Place(source.origin))
                within.append(source)
            except ManifestError as error:
                self.recorder.stop("file", error)
        try:
            return parts.joined(within)
        except ManifestError as error:
            self.recorder.stop("file", error)
            return parts.joined([source for source in within if not parts.is_part(source.name)])

    def opened(self, texts: Sequence[TextFile]) -> Opened:
        """The documents of all files that can be told apart, and the objects of those that are read as they are."""
        good: list[TextFile] = []
        for text in texts:
            try:
                raw.split_documents([text])
                good.append(text)
            except ManifestError as error:
                self.recorder.stop("file", error)
        raws = raw.split_documents(good)
        return Opened(tuple(raws), tuple(() if one.to_fill else tuple(self._read(one)) for one in raws))

    def _read(self, one: RawDocument, text: str | None = None) -> list[Document]:
        try:
            return self._reading.parse(one, text)
        except ManifestError as error:
            unknown = self.recorder.unknowns.asked_for_in(one.chunk.text) if text is not None else []
            if not one.must_be_read:
                message = f"{error.problem}; it is never applied, so it is left as it is"
                self.recorder.add("document-ignored", Level.WARNING, message, error.place)
            elif unknown:
                message = f"{error.problem}; but {described(unknown)}: give values with --config-values"
                self.recorder.add("document", Level.NOTE, message, error.place)
            else:
                self.recorder.stop("document", error)
            return []

    def repeated(self, texts: Sequence[TextFile], opened: Opened) -> Opened:
        try:
            return reader.with_repeated(texts, opened, self._filling, self._reading, self._budget)
        except ManifestError as error:
            # What can't be read is reported already; else it is what the Config repeats.
            if not any(finding.level is Level.ERROR for finding in self.recorder.findings):
                self.recorder.stop("config", error)
            return opened

    def application(self, opened: Opened) -> tuple[Application, list[tuple[str, str, Location]]]:
        try:
            application, named = reader.application_of(opened)
        except ManifestError as error:
            self.recorder.stop("document", error)
            return Application(), []
        plain = [image for image in application.additional_images if not found_in(image)]
        return application, [
            (image, user, self.recorder.places.locate(line_in(opened, place, image)))
            for image in plain
            for user, place in named
        ]

    def filled(
        self, opened: Opened, config: Config | None, application: Application, archives: Sequence[ChartArchive]
    ) -> FilledRelease:
        domains = resolve_domains(application=CustomDomains(application.proxy_domain, application.registry_domain))
        if config is None:
            # One that can't be read is reported already, and would be again.
            opened = replace(
                opened,
                found=tuple(tuple(d for d in f if roles.role_of(d.value) is not Role.CONFIG) for f in opened.found),
            )
        try:
            filled = calls.fill_release(opened, without_license(domains), self._filling, application, archives)
        except HelmMissingError as error:
            self._unfilled(str(error))
            return FilledRelease()
        except HelmError as error:
            self.recorder.whole = False
            self.recorder.add("release", Level.ERROR, str(error), Place(""))
            return FilledRelease()
        except ManifestError as error:
            self.recorder.stop("config", error)
            return FilledRelease()
        if any(one.key not in filled.texts.keys() | filled.failures.keys() for one in opened.waiting):
            self._unfilled("there is no helm on PATH: install it or give its path")
        missing = filled.config.verdict.missing if filled.config else ()
        self.recorder.unknowns = unknowns_of(config, missing)
        if config is not None:
            config_checks.filled_in(opened, config, filled, self.recorder)
        return filled

    def _unfilled(self, why: str) -> None:
        self.recorder.whole = False
        message = f"template calls were not filled in: {why}"
        self.recorder.add("calls-not-filled-in", Level.NOTE, message, Place(""))

    def sorted(self, opened: Opened, filled: FilledRelease, sorter: Sorter) -> Iterator[ReadObject]:
        for one, found in zip(opened.raws, opened.found, strict=True):
            failures = filled.failures.get(one.key, ()) if one.to_fill else ()
            documents: Sequence[Document] = found
            if failures:
                documents = raw.excluded(one, self._reading)
                if not documents:
                    level = Level.ERROR if one.must_be_read else Level.WARNING
                    for failure in failures:
                        self.recorder.failed("template-call", level, failure, one.chunk.text, failure.place)
                    self.recorder.whole = False
            elif one.to_fill and one.key in filled.texts:
                documents = self._read(one, filled.texts[one.key])
            if not documents:
                self._list_unread(one)
            for document in documents:
                role = roles.role_of(document.value)
                try:
                    applied = included(document.value, document.place) or role is not Role.APPLIED
                    sorter.sort([document], one.file.name)
                except ManifestError as error:
                    self.recorder.stop("chart" if one.role is Role.CHART else "document", error)
                    self._list_unread(one)
                    continue
                use = _ROLES[role] if applied else LEFT_OUT
                self.recorder.list("document", name(document.value), use, document.place)
                if applied and role in (Role.APPLIED, Role.SUPPORT):
                    yield ReadObject(document, one, filled.texts.get(one.key, one.chunk.text))

    def _list_unread(self, one: RawDocument) -> None:
        if one.chunk.text.strip() and not one.chunk.is_json and (known := roles.raw_name(one.chunk.text)):
            self.recorder.list("document", known, "not read", one.place)


def line_in(opened: Opened, place: Place, text: str) -> Place:
    """The place of ``text`` in the documents of a file, as far as one has it as it is written."""
    own = next((one for one in opened.raws if one.place.origin == place.origin and text in one.chunk.text), None)
    return place.at_line(line_of(own.chunk.text, text, own.chunk.line)) if own else place

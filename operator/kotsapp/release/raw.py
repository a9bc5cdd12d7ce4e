"""A release's documents as they are written: told apart, named, and read as far as that goes without their calls."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from kotsapp.manifests import documents, stream
from kotsapp.manifests.budget import Budget
from kotsapp.manifests.documents import Document
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.manifests.stream import Chunk
from kotsapp.manifests.yaml_document import Seen
from kotsapp.release import actions, kots, roles
from kotsapp.release.annotations import included
from kotsapp.release.files import TextFile
from kotsapp.release.roles import Role

# Filled in as a text before they are read. Of a Config the items are filled in, one by one; an Application's domains
# decide what calls come to; nothing in other documents matters.
_FILLED_FIRST = frozenset({None, Role.APPLIED, Role.CHART, Role.SUPPORT})


# Documents that one block may span; each is looked through once more with every one that is joined.
MAX_SPANNED = 50


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document by its text; ``role`` is None where the text doesn't show it. ``key`` names it from release to
    release."""

    file: TextFile
    chunk: Chunk = field(repr=False)
    role: Role | None
    key: str
    has_calls: bool

    @property
    def place(self) -> Place:
        return Place(self.file.origin, self.chunk.number, self.chunk.line)

    @property
    def to_fill(self) -> bool:
        """Whether its calls have to be filled in before it can be read."""
        return self.has_calls and self.role in _FILLED_FIRST

    @property
    def must_be_read(self) -> bool:
        """Whether it is an error, and not only a warning, when it can't be."""
        return self.role not in (Role.SUPPORT, Role.OTHER)


class Texts:
    """Reads documents of one release, from one budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._seen: dict[str, Seen] = {}
        self.warnings: list[str] = []

    def read(self, raw: RawDocument, text: str | None = None) -> list[Document]:
        """The objects of a document, of ``text`` where its calls are filled in.

        Raises ManifestError; for one that is never applied there is a warning instead, and no object.
        """
        try:
            return self.parse(raw, text)
        except ManifestError as error:
            if raw.must_be_read:
                raise
            self.warnings.append(f"{error}; it is never applied, so it is left as it is")
            return []

    def parse(self, raw: RawDocument, text: str | None = None) -> list[Document]:
        """As ``read``, but whatever the document is for. Raises ManifestError."""
        origin, chunk = raw.file.origin, raw.chunk
        # What a block spans is several documents only when it is filled in.
        chunks = [chunk] if text is None else stream.split(text, origin, chunk.number, chunk.line)
        seen = self._seen.setdefault(origin, Seen())
        read = [documents.read_chunk(one, origin, self._budget, seen, kots.is_applied) for one in chunks]
        return [document for found in read for document in found]


@dataclass(frozen=True, slots=True)
class Opened:
    """A release's documents in their order, and the objects of each one that needs nothing filled in to be read."""

    raws: tuple[RawDocument, ...]
    found: tuple[tuple[Document, ...], ...] = field(repr=False)
    _by_role: Mapping[Role, Sequence[Document]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_role: defaultdict[Role, list[Document]] = defaultdict(list)
        for one in chain.from_iterable(self.found):
            by_role[roles.role_of(one.value)].append(one)
        object.__setattr__(self, "_by_role", by_role)

    @property
    def waiting(self) -> list[RawDocument]:
        """Those whose calls have to be filled in first."""
        return [raw for raw in self.raws if raw.to_fill]

    def of(self, role: Role) -> Sequence[Document]:
        """The objects of that role that could be read."""
        return self._by_role.get(role, ())


def opened(files: Sequence[TextFile], texts: Texts) -> Opened:
    """Raises ManifestError for documents that have to be read and can't be."""
    raws = split_documents(files)
    return Opened(tuple(raws), tuple(() if raw.to_fill else tuple(texts.read(raw)) for raw in raws))


def excluded(raw: RawDocument, texts: Texts) -> list[Document]:
    """The objects of a document that is left out whatever its calls come to; none if it is not, or can't be read."""
    try:
        found = texts.read(raw)
        return found if found and all(not included(one.value, one.place) for one in found) else []
    except ManifestError:
        return []


def split_documents(files: Sequence[TextFile]) -> list[RawDocument]:
    """The documents of all files, in their order. Raises ManifestError."""
    found: list[RawDocument] = []
    names: Counter[str] = Counter()
    for file in files:
        if documents.is_json(file.text) and not actions.has_calls(file.text):
            found.append(RawDocument(file, Chunk(file.text, 1, 1), None, "", False))
            continue
        for chunk in _units(documents.chunks(file.text, file.origin)):
            role, has_calls = roles.raw_role(chunk.text), actions.has_calls(chunk.text)
            key = _key(file, chunk, names) if has_calls else ""
            found.append(RawDocument(file, chunk, role, key, has_calls))
    return found


def _units(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """Documents; those that a block of calls spans are one text, since the reference fills in a file as a whole.

    KOTS's own documents are taken out before that, and are never a part of it.
    """
    number = 0
    while number < len(chunks):
        joined = chunks[number]
        last = number
        if actions.has_calls(joined.text) and actions.is_open(joined.text):
            together = joined
            for following, chunk in enumerate(chunks[number + 1 : number + 1 + MAX_SPANNED], number + 1):
                if roles.raw_role(chunk.text) not in (None, Role.APPLIED):
                    break
                together = _joined(together, chunk)
                if not actions.is_open(together.text):
                    joined, last = together, following
                    break
        yield joined
        number = last + 1


def _joined(first: Chunk, second: Chunk) -> Chunk:
    """Both with their separator between them, every line where it stood."""
    return Chunk(f"{first.text}---{second.text}", first.number, first.line)


def _key(file: TextFile, chunk: Chunk, names: Counter[str]) -> str:
    name = roles.raw_name(chunk.text) or f"{file.name}, document {chunk.number}"
    names[name] += 1
    return name if names[name] == 1 else f"{name} ({names[name]})"

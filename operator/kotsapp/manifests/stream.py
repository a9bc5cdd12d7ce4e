"""A source's text cut into documents, as kubectl cuts it.

A source that starts with ``{`` is a stream of JSON objects; if what follows the first one is not JSON, the rest is
YAML. In YAML a line that starts with ``---`` separates documents, wherever it stands.
"""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from kotsapp.manifests.errors import ManifestError, Place, quote
from kotsapp.manifests.limits import MAX_DOCUMENTS, MAX_SOURCE_BYTES, MIB
from kotsapp.regexes import regex

_SEPARATOR = regex(r"^---(.*)$", re.MULTILINE)


class Chunk(NamedTuple):
    """The text of one document; ``line`` is the line of the source on which it starts, from 1.

    ``is_json`` says that it is one of a stream of JSON objects.
    """

    text: str
    number: int
    line: int
    is_json: bool = False


def decode(data: bytes, origin: str) -> str:
    """The source as text with ``\\n`` line ends, UTF-8, or UTF-16 with a byte-order mark.

    Raises ManifestError: too large, or not that encoding (where kubectl puts other characters in silently).
    """
    place = Place(origin)
    if len(data) > MAX_SOURCE_BYTES:
        size = f"{len(data) / MIB:.0f} MiB, more than the {MAX_SOURCE_BYTES // MIB} MiB"
        raise ManifestError(place, f"is {size} that one source may have: split it")
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"byte {data[error.start]:#04x} is not {encoding.upper()} text: save it as UTF-8"
        raise ManifestError(place.at_line(line), problem) from None
    return text.replace("\r\n", "\n") if "\r" in text else text


def split(text: str, origin: str, number: int = 1, line: int = 1) -> Iterator[Chunk]:
    """The YAML documents of a text, from document ``number`` and ``line`` on; an empty text before the first
    separator is no document. Raises ManifestError for text behind a separator and for too many documents.
    """
    start = 0
    for match in _SEPARATOR.finditer(text):
        rest = match[1].strip()
        chunk = text[start : match.start()]
        here = line + chunk.count("\n")
        if rest and not (rest.startswith("#") and match[1][0].isspace()):
            problem = f"{quote(rest)} stands behind the separator ---: put it on a line of its own, as kubectl wants it"
            raise ManifestError(Place(origin, number, here), problem)
        if start or chunk.strip():
            yield Chunk(chunk, number, line)
            number += 1
            if number > MAX_DOCUMENTS:
                raise ManifestError(Place(origin), f"has more than {MAX_DOCUMENTS} documents: split it")
        start, line = match.end(), here
    last = text[start:]
    # kubectl reads by lines and ends the last one, which matters to a block scalar.
    yield Chunk(last if last.endswith("\n") else last + "\n", number, line)

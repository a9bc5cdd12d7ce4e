"""What may be in no message about an app: of its license, of its Secrets, and what was drawn for it. Pure."""

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kotsapp.api.spec import SourceKind
from kotsapp.images.podspec import group_kind
from kotsapp.kube.objects import key_of
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError
from kotsapp.redact import Redactor, is_name
from kotsapp.release.archives import is_archive
from kotsapp.release.errors import HelmError
from kotsapp.release.reader import Release, SourceFile
from kotsapp.sources.docker_config import decoded
from kotsapp.spellings import is_word
from kotsapp.text import listed

# A field's value on one line, or an item's. Fields that say what and where an object is are shown, wherever they stand.
_VALUE = re.compile(
    r"""^[ \t]*+(?:-[ \t]++)*+(?:["']?([\w./-]{1,253})["']?[ \t]*+:(?=[ \t]))?[ \t]*+([^\n]++)""", re.MULTILINE
)
_SHOWN = frozenset(
    "apiversion group host image imagetag kind name namespace registry releasename repository tag type".split()  # noqa: SIM905
)
# What is called by the name beside it.
_VALUES = frozenset({"value", "default"})
_SETTING = re.compile(r"([\w.-]{1,253})[ \t]*[:=][ \t]*(\S.*)")
# What a key says of its value. The first counts more: a password may be made of words.
_SECRETIVE = re.compile(
    "pass|pwd|secret|token|key|cred|auth|private|licen[cs]e|salt|dsn|conn|signature|cookie|session|otp|pin$",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    "^(?:.*[-_.])?(?:host|hostname|port|user|username|database|db|name|region|bucket|endpoint|mode|type|env|level|path|zone)$",
    re.IGNORECASE,
)
# Of a template: file, line and column.
_POSITION = re.compile(r"\(([\w./-]{1,253}:\d{1,7}:\d{1,7})\)")
_PASSWORD_IN_URL = re.compile(r"://[^:/@\s]{0,253}:([^@/\s]{1,1024})@")
# The closing quote may be missing, so that nothing is looked at twice.
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*+'?|"(?:[^"\\]|\\.)*+"?)""", re.DOTALL)
MAX_NAMED = 5
_CREDENTIALS = ("auth", "identitytoken", "password", "registrytoken")


def of_sources(files: Iterable[SourceFile]) -> Iterator[str]:
    """The values of the manifests' fields, of files that are kept in Secrets, but for names and words; archives are not
    looked into (``are_hidden``)."""
    for file in files:
        if is_secret(file.origin) and _is_text(file):
            for called, value in _fields(file.data.decode("utf-8", "replace")):
                yield from _parts(value, called)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """What lines set, by what it is called: a variable's value by its name, a block's or a list's line by its field."""
    holder = name = ""
    # One after the other: whoever does this in a thread lets others run in between.
    for found in _VALUE.finditer(text):
        field, written = found[1] or "", found[2]
        value = written.strip().strip("\"'")
        if not field and value.endswith(":"):
            holder = value[:-1].lstrip("\"'-").rstrip("\"'")
        elif not field:
            yield holder, value
        else:
            holder = field
            if field.lower() == "name":
                name = value
            if field.lower() not in _SHOWN:
                yield (f"{field} {name}" if field.lower() in _VALUES else field), value


def are_hidden(files: Iterable[SourceFile]) -> bool:
    """Whether a Secret among them holds an archive: what is in there is not known, so nothing of it may be quoted."""
    return any(is_secret(file.origin) and not _is_text(file) for file in files)


def helm_without_secrets(error: HelmError, files: Iterable[SourceFile]) -> str:
    """What helm says of a chart; of one that is hidden in a Secret just where it stands."""
    if not are_hidden(files):
        return str(error)
    places = dict.fromkeys(_POSITION.findall(str(error)))
    where = f" at {listed(places, MAX_NAMED)}" if places else ""
    return (
        f"helm can't render a chart{where} (its words are left out: they may quote the Secret that holds the release)"
    )


def _is_text(file: SourceFile) -> bool:
    try:
        file.data.decode()
    except UnicodeDecodeError:
        return False
    return not is_archive(file.name, file.data)


def of_logins(contents: Iterable[bytes | None]) -> Iterator[str]:
    """Passwords, and what they are packed into, of registries' logins (dockerconfigjson, dockercfg)."""
    for content in contents:
        for text in _logins((content or b"").decode("utf-8", "replace")):
            yield text
            with contextlib.suppress(ValueError):
                yield decoded(text).partition(":")[2]


def of_release(release: Release) -> Iterator[str]:
    """What was drawn, and the values of the release's own Secrets, but for names of its objects among them."""
    names = {str(obj["metadata"].get("name")) for obj in release.objects}
    for text in release.drawn.texts():
        if not is_word(text):
            yield text
    for obj in release.objects:
        if group_kind(obj) == ("", "Secret"):
            yield from (value for value in _of_secret(obj) if value not in names)


def learn_release(redactor: Redactor, release: Release, license: License) -> str | None:
    """Know what is secret in a release; what is wrong with names in it, as ``named_after`` says."""
    redactor.learn("release", of_release(release))
    return named_after(license, release)


def named_after(license: License, release: Release) -> str | None:
    """What is wrong with objects whose names hold the license id: they are seen by everybody, and are in status."""
    redactor = Redactor()
    redactor.learn("license", [license.license_id])
    keys = sorted(str(key_of(obj)) for obj in release.objects)
    found = [redactor.text(key) for key in keys if redactor.holds(key)]
    if not found:
        return None
    return (
        f"{listed(found, MAX_NAMED)}: the name holds the license id, which everybody would see there; name it otherwise"
    )


def is_secret(origin: str) -> bool:
    """Whether a file's origin is a Secret."""
    return origin.startswith(f"{SourceKind.SECRET} ")


def without_secrets(error: ManifestError) -> str:
    """The error's message; of what stands in a Secret without a word of it: just where it stands and what is wrong."""
    if not is_secret(error.place.origin):
        return str(error)
    return f"{error.place}: {unquoted(error.problem)}"


def unquoted(problem: str) -> str:
    """What is wrong, with what is quoted left out."""
    return _QUOTED.sub("(not shown: it is in a Secret)", problem)


def _of_secret(secret: Mapping[str, Any]) -> Iterator[str]:
    for key, value in _values(secret.get("stringData")):
        yield from _parts(value, key, certain=True)
    for key, value in _values(secret.get("data")):
        try:
            yield from _parts(base64.b64decode(value).decode("utf-8", "replace"), key, certain=True)
        except binascii.Error:
            yield value  # the API server will refuse it, and may quote it


def _values(data: Any) -> list[tuple[str, str]]:
    if not isinstance(data, Mapping):
        return []
    return [(str(key), value) for key, value in data.items() if isinstance(value, str)]


def _parts(value: str, key: str, *, certain: bool = False) -> Iterator[str]:
    """The value; of several lines each one, and what is set there; passwords inside URLs and registries' logins.

    ``key`` is what the value is called. ``certain`` says that it is a Secret's: then a name is shown only under a key
    that is known to hold one.
    """
    for line in map(str.strip, value.splitlines()):
        setting = _SETTING.fullmatch(line)
        found = [(key, line), *([(setting[1], setting[2].strip("\"',"))] if setting else [])]
        for what, text in found:
            if not _may_be_shown(what, text, certain=certain):
                yield text
        yield from (text for text in _PASSWORD_IN_URL.findall(line) if not is_word(text))
    if value.lstrip().startswith("{"):
        yield from _logins(value)


def _may_be_shown(key: str, text: str, *, certain: bool) -> bool:
    """Whether the text is no secret: a word anywhere; a name, a path or a host where the key does not say otherwise."""
    if is_word(text):
        return True
    if _SECRETIVE.search(key) or (certain and not _PLAIN.search(key)):
        return False
    return is_name(text)


def _logins(value: str) -> Iterator[str]:
    try:
        auths = json.loads(value)
        auths = auths.get("auths", auths)
        entries = [entry for entry in auths.values() if isinstance(entry, dict)]
    except (ValueError, AttributeError, RecursionError):
        return
    for entry in entries:
        yield from (entry[name] for name in _CREDENTIALS if isinstance(entry.get(name), str))

"""The tags of a repository, page by page (distribution spec, "Listing Tags"). Reading a page is pure."""

import re
from collections.abc import Mapping

from kotsapp.license.document import parse_json
from kotsapp.sources.limits import MAX_TAGS

# Asked for by page; registries give fewer as they like.
PAGE = 1_000
FIRST_PAGE = f"n={PAGE}"
# Of the next page's address the query alone counts: a registry must not send the credential elsewhere.
_NEXT = re.compile(r'<[^<>?#]*\?([!-;=?-~]{1,2048})>\s*;\s*rel="?next"?', re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def read(body: bytes) -> list[str]:
    """The tags of one page; what is no tag is left out. Raises ValueError for what is not a list of tags."""
    document = parse_json(body)
    tags = document.get("tags") if isinstance(document, dict) else None
    if isinstance(document, dict) and tags is None:
        return []  # how an empty repository's list looks
    if not isinstance(tags, list):
        raise ValueError("it has no list of tags")
    return [tag for tag in tags[:MAX_TAGS] if isinstance(tag, str) and _TAG.fullmatch(tag)]


def next_page(headers: Mapping[str, str]) -> str:
    """The query of the page after this one; empty for none."""
    match = _NEXT.search(headers.get("Link", ""))
    return match[1] if match else ""


def of_version(version: str) -> str:
    """The tag of a chart's version: a tag has no ``+``, in whose place Helm puts ``_``."""
    return version.replace("+", "_")


def version_of(tag: str) -> str:
    """The version that a tag stands for, as Helm reads it."""
    return tag.replace("_", "+")


def versions(tags: list[str]) -> dict[str, str]:
    """Tags by the versions that they stand for, as Helm reads them."""
    return {version_of(tag): tag for tag in tags}

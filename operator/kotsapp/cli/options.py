"""Values of options that several commands take; each raises ArgumentTypeError with what was expected and found.

What they are checked with is loaded by whoever gives such an option, and not by help.
"""

import argparse
from typing import TYPE_CHECKING

from kotsapp.regexes import regex

if TYPE_CHECKING:
    from kotsapp.images.image_path import ImagePath


# Kubernetes' own rule for the names of most objects (RFC 1123 subdomains).
_NAME = regex(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*+")
_LONGEST_NAME = 253


def add_config_values(parser: argparse.ArgumentParser) -> None:
    text = "answers to the release's Config: a ConfigValues document, or a map of names to values; repeatable"
    parser.add_argument("--config-values", action="append", default=[], metavar="FILE|-", help=text)


def image_path(text: str) -> "ImagePath":
    from kotsapp.images.image_path import ImagePath, InvalidImagePathError

    kind, colon, path = text.partition(":")
    group, _, kind = kind.rpartition("/")
    path, comma, secrets = path.partition(",")
    if not (kind and colon and path):
        raise argparse.ArgumentTypeError(f"expected [GROUP/]KIND:PATH, found {text!r}")
    try:
        return ImagePath(group, kind, path, secrets if comma else None)
    except InvalidImagePathError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def domain(text: str) -> str:
    from kotsapp.images.domains import is_domain

    if not is_domain(text):
        raise argparse.ArgumentTypeError(f"expected a host, such as images.example.com, found {text!r}")
    return text


def object_name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a name of lower-case letters, digits and '-', found {text!r}")
    return text


def count(text: str) -> int:
    """A whole number of things."""
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"expected a number such as 3, found {text[:40]!r}")
    return int(text)

"""Values of options that several commands take; each raises ArgumentTypeError with what was expected and found."""

import argparse
import re
from datetime import timedelta

from kotsapp.api.durations import parse_duration
from kotsapp.images.image_path import ImagePath, InvalidImagePathError
from kotsapp.license.domains import is_domain

# Seconds for asking about one image: a person is waiting, and beyond the longest a registry is down.
DEFAULT_TIMEOUT = 10.0
MAX_TIMEOUT = 600.0
_DAY = 86400.0

# Kubernetes' own rule for the names of most objects (RFC 1123 subdomains).
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253


def add_config_values(parser: argparse.ArgumentParser) -> None:
    text = "answers to the release's Config: a ConfigValues document, or a map of names to values; repeatable"
    parser.add_argument("--config-values", action="append", default=[], metavar="FILE", help=text)


def image_path(text: str) -> ImagePath:
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
    if not is_domain(text):
        raise argparse.ArgumentTypeError(f"expected a host, such as images.example.com, found {text!r}")
    return text


def object_name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a name of lower-case letters, digits and '-', found {text!r}")
    return text


def seconds(text: str) -> float:
    """A duration as kubectl takes them, such as 90s or 1m30s; a number alone means seconds."""
    value = _duration(text)
    if not 0 < value <= MAX_TIMEOUT:
        raise argparse.ArgumentTypeError(f"expected a duration such as 10s, at most 10m, found {text!r}")
    return value


def period(text: str) -> timedelta:
    """A longer duration, also in days, such as 30d or 12h."""
    days = re.fullmatch(r"([0-9]{1,5})d", text)
    value = int(days[1]) * _DAY if days else _duration(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a duration such as 30d or 12h, found {text!r}")
    return timedelta(seconds=value)


def _duration(text: str) -> float:
    """Seconds, 0 for what is no duration."""
    try:
        return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else parse_duration(text)
    except ValueError:
        return 0.0

"""One line for each thing worth logging, as text or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from kotsapp.redact import masked
from kotsapp.text import printable

FORMATS = ("text", "json")

_WATCHES = ("kopf._cogs.clients.watching", "kopf._cogs.clients.fetching")
# Their debug lines hold whole requests, headers and bodies included: never wanted, whatever the level.
_WORDY = ("httpx", "httpcore", "aiohttp", "kubernetes", "asyncio", "urllib3")


def configure(style: str, level: str) -> None:
    """Log to standard error; ``style`` is text or json, ``level`` a name of the logging module."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(style))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _WORDY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Kopf's own lines are about its mechanics, and at debug level quote the objects it patches.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    handler.addFilter(said_elsewhere)


def formatter(style: str) -> logging.Formatter:
    """What makes a line of a record, in the ``style``."""
    return _Json() if style == "json" else _Text()


def said_elsewhere(record: logging.LogRecord) -> bool:
    """False for what Kopf says of the API server's answers to its watches, with whole answers and tracebacks.

    The operator says of each in one line what it was and what comes of it (DESIGN 15).
    """
    if record.name in _WATCHES and str(record.msg).startswith("Request attempt"):
        return False
    error = record.exc_info[1] if record.exc_info else None
    answered = type(error).__module__.startswith(("kopf._cogs.", "aiohttp"))
    return not (answered and record.name.startswith("kopf."))


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname:<7} {record.name}: {printable(_message(self, record))}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps(line | {"message": _message(self, record)}, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + formatter.formatException(record.exc_info)
    return masked(message)

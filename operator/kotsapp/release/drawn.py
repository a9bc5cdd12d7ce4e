"""What calls drew at random: what of it is kept with the release, and which texts no message may hold."""

from collections.abc import Mapping

from kotsapp.release import config
from kotsapp.release.config_document import Config
from kotsapp.release.filling import Drawn, Filled

# Shorter ones are words of every message.
MIN_SECRET = 4


def to_keep(found: Config | None, given: Mapping[str, str], kept: Drawn, filled: Filled) -> Drawn:
    """What was drawn this time, and what of before still is what an item has."""
    texts = config.item_texts(found, given, kept.items) if found else ()
    still = {text.name for text in texts if text.given is not None and text.name in kept.items.keys() - given.keys()}
    editable = {item.name for item in found.items if item.editable} if found else set()
    names = sorted(still | (filled.generated & editable))
    # What such an item's call came to is the item's value now; certificates are known by their names to every document.
    units = {f"config {name}" for name in names}
    calls = {key: value for key, value in filled.drawn.items() if _unit(key) not in units}
    certificates = {key: value for key, value in kept.calls.items() if key.startswith("certificate ")}
    return Drawn({name: filled.items[name].value for name in names}, {**certificates, **calls})


def _unit(key: str) -> str:
    """The text in which something was drawn: all of its key but the function, what it was given, and the count."""
    return key.rsplit(" ", 3)[0]


def secrets(found: Config | None, values: Mapping[str, str], drawn: Drawn) -> list[str]:
    """What may be in no message: passwords and files that were given, and what was drawn."""
    names = [item.name for item in found.items if item.type in ("password", "file")] if found else []
    texts = [*(values.get(name, "") for name in names), *drawn.texts()]
    return [secret for secret in texts if len(secret) >= MIN_SECRET]

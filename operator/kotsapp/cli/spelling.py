"""What somebody meant who typed a command that there is not."""

from collections.abc import Collection, Mapping

# What other command lines call it. In place of "did you mean": what to type, where it is none of the names.
SYNONYMS = {
    "ls": "get",
    "list": "get",
    "show": "status",
    "describe": "status",
    "info": "status",
    "log": "events",
    "logs": "events",
    "explain": "why",
    "image": "images",
    "reconcile": "retry",
    "refresh": "retry",
    "pause": "suspend",
    "stop": "suspend",
    "unpause": "resume",
    "unsuspend": "resume",
    "start": "resume",
    "check": "lint",
    "validate": "lint",
    "template": "render",
    "build": "render",
    "download": "pull",
    "fetch": "pull",
    "verify": "license",
}


def correction(word: str, names: Collection[str], elsewhere: Mapping[str, str]) -> str:
    """What to say of a command that there is not; ``elsewhere`` are words that another program takes, each with what to
    type there."""
    from difflib import get_close_matches  # only who mistypes waits for it

    problem = f"there is no command {word[:40]!r}"
    if word in elsewhere:
        return f"{problem} here: {elsewhere[word]}"
    meant = SYNONYMS.get(word, "")
    close = [meant] if meant in names else get_close_matches(word, sorted(names), 1, 0.6)
    return f"{problem}: did you mean {close[0]}?" if close else f"{problem}; --help lists those that there are"

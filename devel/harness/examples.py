"""How many inputs a property is tried with: some at each change, many where time is no matter."""

import os

# ``make soak`` sets it.
THOROUGH = bool(os.environ.get("THOROUGH"))
# Of what may take many: enough to meet each way through the code, where the whole number finds what is rare.
_PART = 8
LEAST = 50


def examples(number: int) -> int:
    """For ``max_examples``: an eighth of ``number``, though never under LEAST; all of them with THOROUGH=1."""
    return number if THOROUGH else max(min(number, LEAST), number // _PART)

"""kotsapp-operator: private vendor images, found, routed through the license proxy, and kept true."""

import os
from pathlib import Path

__version__ = "0.1.0"

# A container's user may have a number alone: no HOME, and no entry in any passwd. Libraries ask for a home when they
# are imported; "/" is what container runtimes give such a user, and nothing of anybody's is read from there.
try:
    Path.home()
except RuntimeError:
    os.environ["HOME"] = "/"

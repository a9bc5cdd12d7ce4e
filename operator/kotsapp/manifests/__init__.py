"""Bytes to Kubernetes objects that mean what kubectl says they mean. No I/O."""

"""A real node: containerd and a kubelet in namespaces of their own, which run containers."""

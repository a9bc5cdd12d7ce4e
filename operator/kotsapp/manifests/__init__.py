"""What a vendor ships, read into Kubernetes objects: YAML, KOTS documents, templates, archives and charts.

Everything here is bytes in, objects out, but for ``helm``, which runs the helm program on request.
"""

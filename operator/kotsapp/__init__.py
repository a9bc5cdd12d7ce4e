"""kotsapp-operator: private vendor images, found, routed through the license proxy, and kept true."""

__version__ = "0.1.0"

"""The Kubernetes API: reading, server-side apply, watching. Nothing here knows what a KotsApp is."""

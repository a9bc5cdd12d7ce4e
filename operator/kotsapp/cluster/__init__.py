"""The Kubernetes API: reading, server-side apply, watching, health. Nothing here knows what a KotsApp is."""

"""The KotsApp resource: its spec read, its conditions made, as frozen values."""

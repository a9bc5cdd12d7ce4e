"""How what an app runs is, decided from objects alone: nothing here asks the API server."""

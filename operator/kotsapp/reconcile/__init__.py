"""What a KotsApp asks for is what runs: reconciler.py takes the steps from top to bottom."""

"""One KotsApp brought to what its spec asks for; story.py tells it from top to bottom."""

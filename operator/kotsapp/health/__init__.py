"""The health of what an app runs, from its objects and its pods. Pure."""

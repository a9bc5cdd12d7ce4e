"""The node stand-in: a process that takes pods, pulls their images and says what came of it."""

"""The programs that the world runs: where they come from, and how they are made and kept."""

"""Parts of bench/probe.py."""

"""Registries that stand in for the real ones, with the token server that guards them."""

"""A registry client: guarded, bounded and polite. It knows no product and decides nothing."""

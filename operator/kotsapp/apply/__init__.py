"""A set of objects and its inventory: in which order, whose, what differs, applied, repaired, pruned."""

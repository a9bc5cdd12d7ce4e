"""Sources outside the cluster: what is fetched, from where, and which of several releases comes next (DESIGN 6.1)."""

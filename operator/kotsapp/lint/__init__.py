"""A release checked before there is a license: everything that is in it, and everything that is wrong with it."""

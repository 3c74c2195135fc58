"""Finds the feed of a server: where to look, what it looks like, what is odd about it."""

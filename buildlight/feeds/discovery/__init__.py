"""Finds the feed of a server: candidates, fingerprints, lint."""

"""Lights with an address: a request for each state."""

"""Secrets by name, for plug-ins that import them from here; :mod:`system.secret` has them."""

from buildlight.system.secret import PREFIX, Secret, checked_secret, find_secret

__all__ = ["PREFIX", "Secret", "checked_secret", "find_secret"]

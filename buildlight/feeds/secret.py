"""Secrets by name, for plug-ins that import them from here; :mod:`system.secret` has them."""

from buildlight.system.secret import LARGEST, PREFIX, Secret, checked_secret, find_secret

__all__ = ["LARGEST", "PREFIX", "Secret", "checked_secret", "find_secret"]

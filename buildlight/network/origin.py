"""Which daemon this is, for daemons that read each other."""

import os

ORIGIN = f"buildlight-{os.urandom(8).hex()}"
"""A new one at every start: a copied memory card must not make two daemons one."""

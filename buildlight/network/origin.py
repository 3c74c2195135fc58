"""The identity of this daemon, for daemons that read each other."""

import os

ORIGIN = f"buildlight-{os.urandom(8).hex()}"
"""Random at every start, so that two machines with copied memory cards differ."""

"""A build lamp that never lies: polls cc.xml feeds and shows their verdict on a light."""

# Written here, not read from the installed metadata: that look-up costs a Pi Zero more than
# everything else that `buildlight --version` does.
__version__ = "0.1.0"

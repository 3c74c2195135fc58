"""A build lamp that never lies: polls cc.xml feeds and shows their verdict on a light."""

# Written here and not read from the installed metadata: on a Pi Zero that look-up takes longer
# than the rest of `buildlight --version`.
__version__ = "0.1.0"

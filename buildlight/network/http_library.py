"""httpx, without its command line.

httpx imports its own command line wherever click is installed: always with Debian's package, which
depends on click. That costs 64 ms and 8 MB on a desktop, and a Pi Zero is 20 times slower. Modules
that need httpx take it from here, so that it is always imported this way first.
"""

import sys

_HIDDEN = "click" not in sys.modules
if _HIDDEN:
    sys.modules["click"] = None  # type: ignore[assignment]  # an import of it fails
try:
    import httpx
finally:
    if _HIDDEN:
        del sys.modules["click"]

__all__ = ["httpx"]

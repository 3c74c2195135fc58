"""``python -m buildlight``, for an interpreter whose scripts are not on the PATH."""

import sys

from buildlight.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The configuration file, checked and translated into the settings of each room."""

import sys
from pathlib import Path

SCHEMA = "buildlight.schema.json"


def schema_line() -> str:
    """Return the line by which an editor finds the schema: the first of a configuration."""
    installed = Path(sys.prefix, "share", "buildlight", SCHEMA)  # The same after an upgrade.
    ours = Path(__file__).parents[1] / "shipped" / SCHEMA
    return f"#:schema {(installed if installed.exists() else ours).as_uri()}"

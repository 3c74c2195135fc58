"""`buildlight schema`: prints the JSON schema of the configuration, plug-ins included."""

import argparse
import json

from buildlight.cli import OK
from buildlight.cli.terminal import write_line
from buildlight.config.schema import make_schema


def main(_chosen: argparse.Namespace) -> int:
    """Print the schema."""
    write_line(json.dumps(make_schema(), indent=1, ensure_ascii=False))
    return OK

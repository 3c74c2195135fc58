"""Holds answers against GitHub's description of its API: ``validate.py github.json < answers``.

Reads a JSON list of pairs, a path of the description and a document that was answered there. Prints
each mistake on a line of its own. Runs in the environment of the other clients.
"""

import json
import sys
from pathlib import Path

from openapi_schema_validator import OAS30Validator

description = json.loads(Path(sys.argv[1]).read_bytes())
validators = {
    path: OAS30Validator(
        {
            **about["get"]["responses"]["200"]["content"]["application/json"]["schema"],
            "components": description["components"],
        }
    )
    for path, about in description["paths"].items()
}
for told, document in json.load(sys.stdin):
    for error in validators[told].iter_errors(document):
        where = "/".join(map(str, error.absolute_path))
        sys.stdout.write(f"{told} {where}: {error.message[:200]}\n")

"""Runs in the peers' environment: parses the document named on the command line when told to.

Reads ``buildnotify`` or ``naive`` from standard input, and answers with seconds of CPU.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.dom import minidom


@dataclass(frozen=True)
class Server:
    """What BuildNotify's parser wants to know of a server."""

    url: str = "https://ci.example/cc.xml"
    prefix: str | None = None
    timezone: str = "None"
    excluded_projects: tuple[str, ...] = ()


def buildnotify(document: bytes) -> object:
    """Parse as BuildNotify does."""
    from buildnotifylib.core.cctray import parse  # noqa: PLC0415 - in the peers' environment only

    return parse(document, Server())


def naive(document: bytes) -> object:
    """Parse as one writes it down first: the answer's text, and a DOM."""
    import requests  # noqa: PLC0415

    answer: Any = requests.Response()
    answer.status_code, answer._content = 200, document
    dom = minidom.parseString(answer.text)
    return [dict(project.attributes.items()) for project in dom.getElementsByTagName("Project")]


PEERS: Mapping[str, Callable[[bytes], object]] = {"buildnotify": buildnotify, "naive": naive}


def main() -> None:
    """Answer until nobody asks any more."""
    document = Path(sys.argv[1]).read_bytes()
    for line in sys.stdin:
        peer = PEERS[line.strip()]
        begun = time.process_time()
        kept = peer(document)
        sys.stdout.write(f"{json.dumps(time.process_time() - begun)}\n")
        sys.stdout.flush()
        del kept


if __name__ == "__main__":
    main()

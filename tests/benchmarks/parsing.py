"""Parsing: a feed into projects, against the parser in C alone, and against two peers.

The peers run in an environment of their own, which is made once in the folder for temporary files:
BuildNotify 3.0.0 from its package, without the desktop that it depends on, and requests with
minidom, as one writes it down first.
"""

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from xml.etree.ElementTree import fromstring

from buildlight.projects.ccxml import parse
from documents import GOCD, LARGE, a_feed
from processes import HERE, environment
from table import Row, times

ROUNDS = 25
PEERS = Path(tempfile.gettempdir()) / "buildlight-benchmarks"


def peers_python() -> Path:
    """Return the Python of the peers' environment, which is made if it is not there."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "made").exists():
        venv.create(PEERS, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "--no-deps", "BuildNotify==3.0.0"], check=True)
        subprocess.run([*pip, "defusedxml", "requests"], check=True)
        (PEERS / "made").touch()
    return python


class Peers:
    """The peers' process, which parses when it is told to, and says how long it took."""

    def __init__(self, document: Path) -> None:
        self._process = subprocess.Popen(
            [str(peers_python()), str(HERE / "peers.py"), str(document)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, peer: str) -> float:
        """Return the seconds of CPU that *peer* takes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{peer}\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


def timed(work: Callable[[bytes], object], document: bytes) -> float:
    """Return the seconds of CPU that *work* takes."""
    begun = time.process_time()
    kept = work(document)
    seconds = time.process_time() - begun
    del kept
    return seconds


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    for count in (LARGE, GOCD):
        document = a_feed(count)
        with tempfile.NamedTemporaryFile(suffix=".xml") as file:
            file.write(document)
            file.flush()
            peers = Peers(Path(file.name))
            measured = [
                (
                    timed(fromstring, document),
                    timed(parse, document),
                    peers.seconds("buildnotify"),
                    peers.seconds("naive"),
                )
                for _ in range(ROUNDS)
            ]
            peers.close()
        floor, ours, buildnotify, naive = (median(column) for column in zip(*measured, strict=True))
        size = f"{count:,} projects, {len(document) / 1e6:.2g} MB"
        yield Row(
            f"{size}, against `ElementTree.fromstring`",
            times(ours / floor),
            "≤ 2.2 times",
            met=ours / floor <= 2.2,
            shown=f"{1e3 * ours:.1f} ms; floor: {1e3 * floor:.1f} ms",
        )
        yield Row(
            "… against BuildNotify 3.0.0",
            times(buildnotify / ours, "as fast"),
            "≥ 10 times",
            met=buildnotify / ours >= 10,
            shown=f"{1e3 * buildnotify:.0f} ms",
        )
        yield Row(
            "… against requests and minidom",
            times(naive / ours, "as fast"),
            "",
            met=True,
            shown=f"{1e3 * naive:.0f} ms",
        )


if __name__ == "__main__":
    sys.exit("run `python tests/benchmarks parsing`")

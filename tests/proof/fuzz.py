"""Coverage-guided noise: ``python tests/proof/fuzz.py feed --seconds 3600``.

It wants atheris, in an environment of its own; `tests/proof/prove` makes one. What it finds is
printed, and belongs into ``corpus``, where every test run tries it. ``--keep FOLDER`` keeps what
was learnt on the way, and begins with it the next time.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

from support.figures import note

NAMES = ("feed", "pattern", "settings", "light")
LONGEST = 4096
"""Bytes of an input: what is longer is tried in the table of faults."""


def fuzz(name: str, *options: str) -> None:
    """Feed the target *name* with noise, in this process, until libFuzzer ends it."""
    try:
        import atheris  # noqa: PLC0415 - nobody else has it
    except ImportError:
        raise SystemExit("atheris is not installed here: pip install atheris") from None

    with atheris.instrument_imports(include=["buildlight"]):
        from proof import targets  # noqa: PLC0415 - its imports are what is to be watched

    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name])
    atheris.Fuzz()


def fuzz_for(name: str, seconds: int, keep: Path | None) -> int:
    """Feed the target *name* for *seconds*, in a process of its own; return how many runs."""
    with tempfile.TemporaryDirectory() as folder:
        learnt, found = (keep or Path(folder)) / name, Path(folder) / "found"
        learnt.mkdir(parents=True, exist_ok=True)
        found.mkdir()
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-artifact_prefix={found}/",
            "-timeout=25",
            "-verbosity=0",
        ]
        corpora = [str(learnt), str(HERE / "corpus" / name)]
        if name == "feed":
            documents = HERE.parent / "feeds" / "documents"
            corpora.extend(str(each) for each in sorted(documents.iterdir()))
        command = [sys.executable, __file__, name, "--", *options, "-print_final_stats=1", *corpora]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        crashes = [file.read_bytes() for file in sorted(found.iterdir())]
    counted = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
    if ended.returncode != 0 or counted is None:
        print(ended.stdout + ended.stderr)
        for crash in crashes:
            print(f"{name} does not take {crash!r}")
        raise SystemExit(f"{name}: ended with {ended.returncode}")
    return int(counted[1])


def main() -> None:
    """Fuzz what is asked for, or all of it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=NAMES)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--keep", type=Path)
    arguments, separator, rest = _split(sys.argv[1:])
    chosen = options.parse_args(arguments)
    if separator:
        fuzz(chosen.names[0], *rest)
        return
    for name in chosen.names:
        runs = fuzz_for(name, chosen.seconds, chosen.keep)
        print(f"{name}: {runs} executions", flush=True)
        note("executions", f"{name} {runs}")


def _split(arguments: list[str]) -> tuple[list[str], bool, list[str]]:
    if "--" not in arguments:
        return arguments, False, []
    at = arguments.index("--")
    return arguments[:at], True, arguments[at + 1 :]


if __name__ == "__main__":
    main()

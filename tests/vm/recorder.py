"""Runs in the guest: records the levels of GPIO lines, and what a program says, by one clock.

``recorder.py 17,27,22 COMMAND ARG…`` prints JSON when the command has ended. The levels come from
gpio-sim's sysfs, past the character device that the command holds.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

CHIP = Path("/sys/kernel/config/gpio-sim/rig")
EVERY = 0.004
"""Seconds between two looks."""


def main() -> None:
    """Record until the command has ended, and a moment longer."""
    lines = [int(line) for line in sys.argv[1].split(",")]
    bank = (CHIP / "bank0/chip_name").read_text().strip()
    chip = Path("/sys/devices/platform", (CHIP / "dev_name").read_text().strip(), bank)
    files = [os.open(chip / f"sim_gpio{line}/value", os.O_RDONLY) for line in lines]
    said: list[tuple[float, str]] = []
    changes: list[tuple[float, list[int]]] = []
    with subprocess.Popen(
        sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:

        def listen() -> None:
            assert program.stdout is not None
            said.extend((time.monotonic(), text.rstrip("\n")) for text in program.stdout)

        listener = threading.Thread(target=listen)
        listener.start()
        while True:
            ended = program.poll() is not None
            levels = [int(os.pread(file, 4, 0)) for file in files]
            if not changes or changes[-1][1] != levels:
                changes.append((time.monotonic(), levels))
            if ended:
                break
            time.sleep(EVERY)
        listener.join()
    print(json.dumps({"said": said, "changes": changes, "status": program.returncode}))  # noqa: T201 - its answer


main()

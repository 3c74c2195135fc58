"""The Pico's whole program under CPython: ``main.py``, with a machine that is made up.

python3 pico_on_a_port.py FOLDER_OF_MAIN_PY < PORT > PORT
"""

import io
import runpy
import sys
import time
from pathlib import Path
from types import ModuleType

sys.path[:0] = [str(Path(__file__).parent), sys.argv[1]]

from machine import tell  # noqa: E402 - it is found beside this file

micropython = ModuleType("micropython")
vars(micropython)["kbd_intr"] = lambda byte: tell("interrupt", byte)
sys.modules["micropython"] = micropython
vars(time)["ticks_ms"] = lambda: time.monotonic_ns() // 1_000_000
vars(time)["ticks_diff"] = lambda late, early: late - early
# A Pico reads no further than it was asked to, and its text leaves at once.
sys.stdin = io.TextIOWrapper(open(0, "rb", buffering=0))  # noqa: SIM115
sys.stdout = open(1, "w", buffering=1)  # noqa: SIM115

runpy.run_path(str(Path(sys.argv[1], "main.py")))

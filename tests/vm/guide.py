"""The guide of the service, as a reader who copies its commands: a line with four spaces is one."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "systemd" / "README.md"

ELSEWHERE = ("sudo apt ", "sudo nano ", "sudo PIPX_HOME=")
"""What cannot be followed in a machine without a network and without a person."""


def commands(heading: str) -> tuple[str, ...]:
    """Return the commands below a *heading*, but those of :data:`ELSEWHERE`."""
    sections = re.split(r"(?m)^## ", GUIDE.read_text(encoding="utf-8"))
    (section,) = (each for each in sections if each.startswith(f"{heading}\n"))
    found = re.findall(r"(?m)^    (\S.*)$", section)
    assert found, heading
    return tuple(each for each in found if not each.startswith(ELSEWHERE))


def command(part: str) -> str:
    """Return the only command of the guide that contains *part*."""
    (found,) = {each for each in every_command() if part in each}
    return found


def every_command() -> tuple[str, ...]:
    """Return every command of the guide."""
    return tuple(re.findall(r"(?m)^    (\S.*)$", GUIDE.read_text(encoding="utf-8")))
